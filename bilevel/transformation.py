"""The reformulation by Pyomo's habit: ``pyo.TransformationFactory("bilevel.kkt").apply_to(m)``.

The image stands in the model as a block of its own, over columns of its own that are linked to the user's variables::

    m.bilevel_kkt.z, .row, .objective      the single-level program, in the leader's sense
    m.bilevel_kkt.link[j]                  x_j == (T z + t)_j  for each of the user's variables

and the user's rows and objectives are inactive, so that any solver of Pyomo takes the model and fills the user's
variables.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import pyomo.environ as pyo
from pyomo.common.collections import ComponentMap
from pyomo.common.modeling import unique_component_name
from pyomo.core.base.block import Block, BlockData
from pyomo.core.base.component import ComponentData
from pyomo.core.base.constraint import Constraint, ConstraintData
from pyomo.core.base.objective import Objective
from pyomo.core.base.suffix import Suffix
from pyomo.core.base.transformation import Transformation, TransformationFactory
from pyomo.core.base.var import VarData
from pyomo.mpec.complementarity import Complementarity

from bilevel.compiler.compile import Compiled, compile_game
from bilevel.compiler.write import write_into
from bilevel.errors import InvalidGame
from bilevel.language.submodels import is_submodel
from bilevel.methods import KKT, SOS1, BigM, Method, StrongDuality
from reformulations.programs import LEADER, Matrix, Role


@dataclass(slots=True)
class Links:
    """What belongs to what in a model that was transformed."""

    image_of: Any = field(default_factory=ComponentMap)
    rows_of: Any = field(default_factory=ComponentMap)
    multiplier_of: Any = field(default_factory=ComponentMap)
    source_of: Any = field(default_factory=ComponentMap)


Block.register_private_data_initializer(Links, "bilevel")


class GameTransformation(Transformation):
    """What both transformations of games share: apply, and ask what belongs to what."""

    def get_transformed_variable(self, variable: VarData) -> Any:
        """Return the column of the image that is a variable of the user, or the linear expression that it is."""
        return _known(_links(variable).image_of, variable)

    def get_transformed_constraints(self, constraint: ConstraintData) -> list[ConstraintData]:
        """Return the rows of the image that come from a row of the user: itself first, then switches of its pair."""
        return list(_known(_links(constraint).rows_of, constraint))

    def get_src_variable(self, column: VarData) -> VarData:
        """Return the user's variable that a column of the image is."""
        return _known(_links(column).source_of, column)

    def get_src_constraint(self, row: ConstraintData) -> ComponentData:
        """Return the user's row, or the variable whose bound or stationarity it states, behind a row of the image."""
        return _known(_links(row).source_of, row)

    def get_multiplier(self, component: ComponentData, bound: Literal["lower", "upper"] = "upper") -> Any:
        """Return the multiplier of a follower's row, or of a bound of its variable, as an expression of the image.

        ``d(follower's optimum, in its own sense)/d(right-hand side)``: its value is known once the image is solved.
        """
        found = _known(_links(component).multiplier_of, component)
        return found[bound] if isinstance(component, VarData) else found["row"]

    def load_multipliers(self, model: BlockData) -> None:
        """Write the followers' multipliers into the suffix ``dual`` of a model whose image has been solved.

        The suffix is declared where it is missing. It is none that solvers fill: the image has integers and no duals.
        """
        if model.component("dual") is None:
            model.add_component("dual", Suffix(direction=Suffix.LOCAL))
        for component, found in _links(model).multiplier_of.items():
            if "row" in found:
                model.component("dual")[component] = pyo.value(found["row"])


@TransformationFactory.register("bilevel.kkt", doc="Followers replaced by their KKT conditions")
class KKTTransformation(GameTransformation):
    """Replace each follower by its KKT conditions; option ``complementarity``, as in :class:`bilevel.KKT`."""

    def _apply_to(self, model: BlockData, complementarity: BigM | SOS1 | None = None) -> None:
        _apply(model, KKT(complementarity or BigM()), "bilevel_kkt")


@TransformationFactory.register("bilevel.strong_duality", doc="Followers replaced by strong duality")
class StrongDualityTransformation(GameTransformation):
    """Replace each follower by primal and dual rows and equal objectives; ``bounds`` as in :class:`StrongDuality`."""

    def _apply_to(self, model: BlockData, bounds: Any = None) -> None:
        _apply(model, StrongDuality(bounds), "bilevel_strong_duality")


def _apply(model: BlockData, method: Method, name: str) -> None:
    if len(_links(model).image_of):
        raise InvalidGame(
            f"{model.name}: its single-level program is in it already; transform a fresh model or a clone"
        )
    solver = "scip" if isinstance(method, KKT) and isinstance(method.complementarity, SOS1) else "auto"
    compiled = compile_game(model, method=method, solver=solver)
    _deactivate(model, compiled)
    block = pyo.Block(concrete=True)
    model.add_component(unique_component_name(model, name), block)
    columns, rows = write_into(block, compiled.program)
    if compiled.game.program.objectives.sense[LEADER] < 0:
        goal = block.objective
        goal.set_value(-goal.expr)
        goal.set_sense(pyo.maximize)
    _link(block, compiled, columns)
    _name_sources(_links(model), compiled, columns, rows)


def _deactivate(model: BlockData, compiled: Compiled) -> None:
    submodels = [block for block in compiled.game.blocks if block is not None and is_submodel(block)]
    inside = (Block, *{type(block) for block in submodels})
    kinds = (Constraint, Objective, Complementarity)
    for data in list(model.component_data_objects(kinds, active=True, descend_into=inside)):
        data.deactivate()
    for block in submodels:
        block.deactivate()


def _link(block: BlockData, compiled: Compiled, columns: list[VarData]) -> None:
    """State what the user's variables and multipliers are in terms of the image's columns."""
    game, links = compiled.game, _links(block)
    back, n, m = compiled.image.to_source, len(game.variables), len(game.constraints)
    expressions = _expressions(back.matrix, back.offset.tolist(), columns)
    block.link = pyo.Constraint(range(n), rule=lambda _, j: game.variables[j] == expressions[j])
    for j, variable in enumerate(game.variables):
        links.image_of[variable] = expressions[j]
        if isinstance(expressions[j], VarData):
            links.source_of[expressions[j]] = variable
    roles = game.program.roles
    for i, constraint in enumerate(game.constraints):
        if roles[game.program.row_owner[i]] == Role.FOLLOWER:
            links.multiplier_of[constraint] = {"row": expressions[n + i]}
    for j, variable in enumerate(game.variables):
        if roles[game.program.column_owner[j]] == Role.FOLLOWER:
            sides = {"lower": expressions[n + m + j], "upper": expressions[2 * n + m + j]}
            links.multiplier_of[variable] = sides


def _expressions(matrix: Matrix, offset: list[float], columns: list[VarData]) -> list[Any]:
    """Return ``matrix @ z + offset``, one expression a row; a column itself where it is just that."""
    found = []
    for i, constant in enumerate(offset):
        begin, end = matrix.indptr[i : i + 2]
        terms = [(float(v), columns[k]) for v, k in zip(matrix.data[begin:end], matrix.indices[begin:end], strict=True)]
        if len(terms) == 1 and terms[0][0] == 1.0 and constant == 0.0:
            found.append(terms[0][1])
        else:
            found.append(pyo.quicksum(value * column for value, column in terms) + constant)
    return found


def _name_sources(links: Links, compiled: Compiled, columns: list[VarData], rows: list[ConstraintData | None]) -> None:
    """Say of each row and column of the image from which of the user's components it comes, by its name."""
    named: dict[str, ComponentData] = {}
    for data in (*compiled.game.variables, *compiled.game.constraints):
        named[data.name] = data
    for names, members in ((compiled.program.columns.names, columns), (compiled.program.rows.names, rows)):
        for name, member in zip(names, members, strict=True):
            source = None if member is None else _source(name, named)
            if source is None or member in links.source_of:
                continue
            links.source_of[member] = source
            if isinstance(member, ConstraintData) and isinstance(source, ConstraintData):
                links.rows_of.setdefault(source, []).append(member)


def _source(name: str, named: dict[str, ComponentData]) -> ComponentData | None:
    """Return what ``name`` names, whole or after one of its ``of``."""
    while name not in named:
        _, found, name = name.partition(" of ")
        if not found:
            return None
    return named[name]


def _links(component: Any) -> Links:
    links: Links = component.model().private_data("bilevel")
    return links


def _known(links: Any, component: Any) -> Any:
    if component not in links:
        raise InvalidGame(f"{component.name}: it has nothing that belongs to it in a game that was transformed")
    return links[component]
