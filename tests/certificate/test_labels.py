"""Names in files."""

from __future__ import annotations

from bilevel.solvers.labels import labels


def test_mps_keeps_all_but_blanks() -> None:
    assert list(labels(["ev[1].x", "lower bound of y"], ".mps")) == ["ev[1].x", "lower_bound_of_y"]


def test_lp_takes_no_brackets_operators_leading_digits_and_words_of_its_own() -> None:
    names = ["ev[1,a].x", "a+b", "1x", "free", "Infinity"]
    assert list(labels(names, ".lp")) == ["ev(1,a).x", "a_b", "_1x", "_free", "_Infinity"]


def test_equal_labels_are_told_apart() -> None:
    assert list(labels(["a b", "a_b", "a[1]", "a(1)", ""], ".lp")) == ["a_b", "a_b#1", "a(1)", "a(1)#3", "#4"]
