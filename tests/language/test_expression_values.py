"""The arrays of any expression have the value Pyomo gives it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo
from hypothesis import given, settings
from hypothesis import strategies as st

from bilevel.game import Follower
from bilevel.language.load import load
from bilevel.language.read import read

COUNT = 5
"""Variables of a game: two of the leader's, two of the follower's, one fixed."""

NUMBERS = st.integers(-3, 3).map(lambda k: k / 2)
LEAVES = st.one_of(
    st.tuples(st.just("number"), NUMBERS),
    st.tuples(st.just("parameter"), NUMBERS),
    st.tuples(st.just("variable"), st.integers(0, COUNT - 1)),
)
LINEAR = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(st.just("sum"), st.lists(inner, min_size=1, max_size=4)),
        st.tuples(st.just("difference"), inner, inner),
        st.tuples(st.just("negative"), inner),
        st.tuples(st.just("named"), inner),
        st.tuples(st.just("scaled"), NUMBERS, inner),
        st.tuples(st.just("divided"), inner, st.sampled_from([-2, 0.5, 4])),
    ),
    max_leaves=6,
)
BILINEAR = st.recursive(
    st.one_of(LINEAR, st.tuples(st.just("product"), LINEAR, LINEAR), st.tuples(st.just("square"), LINEAR)),
    lambda inner: st.one_of(
        st.tuples(st.just("sum"), st.lists(inner, min_size=1, max_size=4)),
        st.tuples(st.just("difference"), inner, inner),
        st.tuples(st.just("negative"), inner),
        st.tuples(st.just("named"), inner),
        st.tuples(st.just("scaled"), NUMBERS, inner),
    ),
    max_leaves=6,
)


def grow(tree: Any, leaves: list[Any], store: pyo.Block) -> Any:
    """A Pyomo expression from a tree; parameters and named expressions are declared in ``store``."""
    kind, *parts = tree
    if kind == "variable":
        return leaves[parts[0]]
    if kind in ("number", "parameter"):
        return parts[0] if kind == "number" else declared(store, pyo.Param(initialize=parts[0], mutable=True))
    if kind == "sum":
        return sum(grow(part, leaves, store) for part in parts[0])
    one, *others = [grow(part, leaves, store) if isinstance(part, tuple) else part for part in parts]
    operations = {
        "named": lambda: declared(store, pyo.Expression(expr=one)),
        "negative": lambda: -one,
        "square": lambda: one**2,
        "difference": lambda: one - others[0],
        "product": lambda: one * others[0],
        "scaled": lambda: one * others[0],
        "divided": lambda: one / others[0],
    }
    return operations[kind]()


def declared(store: pyo.Block, component: Any) -> Any:
    store.add_component(f"part_{len(store.component_map())}", component)
    return component


@settings(derandomize=True, deadline=None)
@given(
    trees=st.lists(BILINEAR, min_size=3, max_size=3),
    side=NUMBERS,
    point=st.lists(st.integers(-4, 4).map(lambda k: k / 4), min_size=COUNT, max_size=COUNT),
)
def test_rows_and_objectives_have_pyomos_value_at_any_point(trees, side: float, point: list[float]):
    m = pyo.ConcreteModel()
    m.x = pyo.Var([0, 1])
    m.f = Follower()
    m.f.y = pyo.Var([0, 1])
    m.fixed = pyo.Var()
    m.fixed.fix(point[4])
    m.parts = pyo.Block()
    leaves = [*m.x.values(), *m.f.y.values(), m.fixed]
    leader, follower, body = (grow(tree, leaves, m.parts) for tree in trees)
    m.gain = pyo.Objective(expr=leader, sense=pyo.maximize)
    m.f.cost = pyo.Objective(expr=follower)
    # The further variable keeps the row from being empty.
    m.z = pyo.Var()
    m.f.row = pyo.Constraint(expr=body + m.z >= side)

    game = read(m)
    names = list(game.program.columns.names)
    values = dict(zip(["x[0]", "x[1]", "f.y[0]", "f.y[1]"], point[:4], strict=True)) | {"z": 0.25}
    z = np.array([values[name] for name in names])
    load(game, z)
    program = game.program
    np.testing.assert_allclose(program.objectives.value(z), [pyo.value(m.gain), pyo.value(m.f.cost)], atol=1e-9)
    slack = program.rows.activity(z) - program.rows.lower
    np.testing.assert_allclose(slack, [pyo.value(m.f.row.body) - pyo.value(m.f.row.lower)], atol=1e-9)
