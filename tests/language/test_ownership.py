"""Who owns which columns, rows and objective."""

from __future__ import annotations

import pyomo.environ as pyo
import pytest
from numpy.testing import assert_array_equal

from bilevel.errors import InvalidGame
from bilevel.game import Follower, Recourse, Uncertain
from bilevel.language.read import read
from reformulations.programs import Role


def owners(program) -> dict[str, str]:
    """The player behind each column and row name."""
    columns = zip(program.columns.names, program.column_owner, strict=True)
    rows = zip(program.rows.names, program.row_owner, strict=True)
    return {name: program.players[owner] for pairs in (columns, rows) for name, owner in pairs}


def two_followers() -> pyo.ConcreteModel:
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 1))
    m.cost = pyo.Objective(expr=m.x)

    @m.Follower([1, 2])
    def f(f: pyo.Block, n: int) -> None:
        f.y = pyo.Var(bounds=(0, n))
        f.cost = pyo.Objective(expr=f.y)

    return m


def test_declaration_decides_ownership():
    """A row of f[1] with none of f[1]'s variables stays f[1]'s; a leader's row over followers is the leader's."""
    m = two_followers()
    m.f[1].row = pyo.Constraint(expr=m.f[1].y + m.f[2].y + m.x <= 2)
    m.f[1].foreign = pyo.Constraint(expr=m.f[2].y + m.x <= 2)
    m.row = pyo.Constraint(expr=m.f[1].y + m.f[2].y <= 2)
    assert owners(read(m).program) == {
        "x": "leader",
        "row": "leader",
        "f[1].y": "f[1]",
        "f[1].row": "f[1]",
        "f[1].foreign": "f[1]",
        "f[2].y": "f[2]",
    }


def test_plain_blocks_belong_to_whoever_declares_them():
    m = two_followers()
    m.part = pyo.Block()
    m.part.z = pyo.Var()
    m.part.g = Follower()
    m.part.g.cost = pyo.Objective(expr=0)
    m.part.g.inner = pyo.Block([1])
    m.part.g.inner[1].w = pyo.Var()
    program = read(m).program
    assert owners(program)["part.z"] == "leader"
    assert owners(program)["part.g.inner[1].w"] == "part.g"


def test_the_leaders_objective_may_stand_in_a_plain_block():
    m = two_followers()
    m.cost.deactivate()
    m.part = pyo.Block()
    m.part.cost = pyo.Objective(expr=2 * m.x)
    assert_array_equal(read(m).program.objectives.linear.toarray()[0], [2, 0, 0])


def test_players_come_by_role_and_then_by_declaration():
    m = pyo.ConcreteModel()
    m.later = Recourse(["a", "b"])
    for block in m.later.values():
        block.r = pyo.Var()
    m.wind = Uncertain()
    m.part = pyo.Block()
    m.part.first = Follower()
    m.second = Follower()
    for block in (m.part.first, m.second):
        block.y = pyo.Var()
        block.cost = pyo.Objective(expr=block.y)
    m.x = pyo.Var()
    m.cost = pyo.Objective(expr=m.x)
    game = read(m)
    program = game.program
    assert list(program.players) == ["leader", "part.first", "second", "nature", "later[a]", "later[b]"]
    roles = [Role.LEADER, Role.FOLLOWER, Role.FOLLOWER, Role.NATURE, Role.RECOURSE, Role.RECOURSE]
    assert_array_equal(program.roles, roles)
    assert list(program.columns.names) == ["x", "part.first.y", "second.y", "wind", "later[a].r", "later[b].r"]
    assert_array_equal(program.column_owner, [0, 1, 2, 3, 4, 5])
    assert game.blocks == [m, m.part.first, m.second, None, m.later["a"], m.later["b"]]


def test_nature_owns_its_variables_wherever_they_stand():
    """Leader x covers demand u with recourse r: x + r - u >= 0, min x + 2 r; no follower at all."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(domain=pyo.NonNegativeReals)
    m.u = Uncertain([1, 2], within="ball", bounds=(0, 1))
    m.u[2].fix(0.5)

    @m.Recourse()
    def later(later: pyo.Block) -> None:
        later.v = Uncertain(within="box")
        later.r = pyo.Var(bounds=(0, 1))
        later.cover = pyo.Constraint(expr=m.x + later.r - m.u[1] - m.u[2] + m.u[1] * later.v >= 0)

    m.cost = pyo.Objective(expr=m.x + 2 * m.later.r)
    game = read(m)
    program = game.program
    assert list(program.players) == ["leader", "nature", "later"]
    assert owners(program) == {
        "x": "leader",
        "u[1]": "nature",
        "later.v": "nature",
        "later.r": "later",
        "later.cover": "later",
    }
    assert [(info.component, info.columns.tolist(), info.within) for info in game.uncertain] == [
        (m.u, [1], "ball"),
        (m.later.v, [2], "box"),
    ]
    assert_array_equal(program.rows.matrix.toarray(), [[1, -1, 0, 1]])
    assert_array_equal(program.rows.lower, [0.5])
    assert (program.rows.products.left[0], program.rows.products.right[0]) == (1, 2)
    assert_array_equal(program.objectives.sense, [1, 1, 1])
    assert_array_equal(program.objectives.linear.toarray(), [[1, 0, 0, 2], [0] * 4, [0] * 4])


def test_a_follower_may_answer_inside_a_scenario():
    m = two_followers()
    m.later = Recourse(["a"])
    m.later["a"].g = Follower()
    m.later["a"].g.z = pyo.Var()
    m.later["a"].g.cost = pyo.Objective(expr=m.later["a"].g.z)
    program = read(m).program
    assert list(program.players) == ["leader", "f[1]", "f[2]", "later[a].g", "later[a]"]
    assert owners(program)["later[a].g.z"] == "later[a].g"


@pytest.mark.parametrize(
    ("outer", "inner", "message"),
    [
        (Follower, Follower, r"outer.inner: a follower has neither followers nor recourse of its own"),
        (Follower, Recourse, r"outer.inner: a follower has neither followers nor recourse of its own"),
        (Recourse, Recourse, r"outer.inner: recourse is decided once"),
    ],
)
def test_nested_players_are_refused_by_name(outer: type, inner: type, message: str):
    m = two_followers()
    m.outer = outer()
    m.outer.inner = inner()
    with pytest.raises(InvalidGame, match=message):
        read(m)
