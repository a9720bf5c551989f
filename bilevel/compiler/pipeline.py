"""The compiler on arrays: from a game to one mixed-integer program, with the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from scipy import sparse

from bilevel.compiler.bounding import derive_bounds
from bilevel.compiler.hopeless import refuse_hopeless_followers
from bilevel.errors import InfeasibleGame, NoBound, NotApplicable
from bilevel.methods import KKT, SOS1, BigM, Branching, Indicator, Method, StrongDuality
from bilevel.solvers.deadline import Deadline
from bilevel.solvers.highs import HighsOptions, PersistentHighs
from reformulations import big_m, indicator, kkt, refusal, sos1, strong_duality
from reformulations.bounds import CUTOFF, Bounds, assumptions
from reformulations.canonical import Canonical
from reformulations.conditions import require_continuous_followers, require_convex_followers
from reformulations.follower_products import FollowerProducts
from reformulations.interval_bounds import interval_bounds
from reformulations.leader_bits import LeaderBits
from reformulations.lifted_products import Chains, LiftedProducts, liftable, with_gradients
from reformulations.opposed_columns import opposed_rows
from reformulations.pair_rows import without_complementarity
from reformulations.potentials import Potentials
from reformulations.products import BinaryProducts
from reformulations.programs import MPEC, BilevelProgram, Floats, Integers, Matrix, MixedIntegerProgram, Product, Rows
from reformulations.recovery import Recovery, Reduced
from reformulations.spatial import SpatialProgram

Solver = Literal["highs", "scip"]

NO_POINT = "no point satisfies the rows of all players, even if the followers respond at will"


@dataclass(frozen=True, slots=True)
class Image:
    """A compiled game: the single-level program and everything needed to come back.

    ``mpec`` is the linearised MPEC whose columns are the first of ``program``; ``to_source`` maps its
    points to primal-dual points of ``source``. ``binaries[k]`` is the complementarity behind the
    ``k``-th binary that follows the MPEC's columns. ``program`` is a :class:`SpatialProgram` where it is
    for SCIP. ``assumes`` names what was not derived; ``notes``
    say what was done, ``proof`` what derived bounds rest on besides the data. ``restated`` says that
    the MPEC and the program have other units than the source, or smaller coefficients.
    """

    source: BilevelProgram
    mpec: MPEC
    program: MixedIntegerProgram | SpatialProgram
    to_source: Recovery
    bounds: Bounds
    binaries: Integers
    method: Method
    assumes: tuple[str, ...]
    notes: tuple[str, ...]
    proof: tuple[str, ...] = ()
    restated: bool = False

    @property
    def linear_program(self) -> MixedIntegerProgram:
        """The program, where HiGHS takes it."""
        if isinstance(self.program, SpatialProgram):
            raise NotApplicable("the program", "only SCIP takes it")
        return self.program

    def source_point(self, point: Floats) -> Floats:
        """Return the primal-dual point of the source from a point of the program or of the MPEC."""
        return self.to_source(point[: len(self.mpec.columns)])


def compile_program(
    source: BilevelProgram,
    method: Method,
    given: Mapping[int, tuple[float, float]] | float | None = None,
    known: Bounds | None = None,
    threads: int | None = None,
    solver: Solver = "highs",
    cutoff: float | None = None,
    deadline: Deadline | None = None,
) -> Image:
    """Compile a game to one mixed-integer program.

    Parameters
    ----------
    source
        The game as read.
    method
        How the followers' optimality is written.
    given
        Bounds of multipliers by the user: one number for all, or ranges by position ``0..m + 2 n``
        among the multipliers of the source, in the user's sign.
    known
        Bounds derived before for the same lower level; they are reused and nothing is derived. None that
        rest on a cutoff: these hold in one program only.
    solver
        ``"scip"``: products that nothing linearises stay in the program.
    cutoff
        The objective (minimised) of a point that was found: bounds are derived for what is at least as good.
    deadline
        Until when bounds may be derived.

    Raises
    ------
    NotApplicable
        When the game does not fit the method; names the component.
    NoBound
        When a bound is needed and none can be derived.
    OutOfTime
        When the deadline passes before.
    ValueError
        When ``known`` rests on a cutoff.
    """
    if known is not None and np.any(known.argument == CUTOFF):
        raise ValueError("bounds that rest on a cutoff hold in the program they were derived for, and in no other")
    try:
        return _compile(source, method, given, known, threads, solver, cutoff, deadline)
    except refusal.NotApplicable as refused:
        if isinstance(refused, NotApplicable):
            raise
        kind = NoBound if "bound can be derived" in refused.reason or "bound found" in refused.reason else NotApplicable
        raise kind(refused.where, refused.reason) from refused


def with_linear_rows(source: BilevelProgram, *, objectives: bool = False) -> Reduced[BilevelProgram]:
    """Write the leader's bounded integers in products of followers' rows (and ``objectives``) by linear rows."""
    bits = LeaderBits(objectives).apply(source)
    linear = FollowerProducts(objectives).apply(bits.program)
    return replace(linear, recover=bits.recover @ linear.recover, notes=(*bits.notes, *linear.notes))


def optimality_system(source: BilevelProgram) -> MPEC:
    """Return the followers' optimality conditions with no bounds but those that the user declared."""
    return kkt.KKT().apply(Canonical().apply(with_linear_rows(source).program).program).program


def _compile(
    source: BilevelProgram,
    method: Method,
    given: Mapping[int, tuple[float, float]] | float | None,
    known: Bounds | None,
    threads: int | None,
    solver: Solver,
    cutoff: float | None,
    deadline: Deadline | None,
) -> Image:
    require_continuous_followers(source)
    lifted, chains = _lifted(source) if solver == "scip" else (_unchanged(source), None)
    without_products = with_linear_rows(lifted.program)
    canonical = Canonical().apply(without_products.program)
    require_convex_followers(canonical.program)
    optimality = kkt.KKT().apply(canonical.program)
    if chains is not None:
        chained = with_gradients(optimality.program, chains)
        optimality = replace(chained, recover=optimality.recover @ chained.recover)
    linear = Potentials(left_over="refused" if solver == "highs" else "kept").apply(optimality.program)
    to_source = lifted.recover @ without_products.recover @ canonical.recover @ optimality.recover @ linear.recover
    mpec = linear.program
    wanted = _multiplies_multipliers(mpec) or _needs_bounds(method, mpec, given)
    by_intervals = chains is not None or not wanted
    if known is None and by_intervals:
        mpec, bounds = interval_bounds(mpec)
        _refuse_without_point(mpec, bounds, linear.program, source.players, threads)
    elif known is None:
        given_ranges = None if given is None else _given_ranges(mpec, _multiplier_signs(source, to_source, mpec), given)
        derived = derive_bounds(mpec, given_ranges, threads, cutoff, deadline)
        if derived.infeasible:
            refuse_hopeless_followers(mpec, source.players, threads)
            raise InfeasibleGame(NO_POINT)
        mpec, bounds = derived.mpec, derived.bounds
    else:
        bounds = known
    assumed = assumptions(linear.program.complementarity.names, bounds)
    mpec = _with_multiplier_boxes(mpec, bounds)
    if isinstance(method, StrongDuality):
        mpec = strong_duality.StrongDuality().apply(mpec).program
        bounds = _of_equalities(bounds, linear.program)
    products = BinaryProducts(unbounded="refused" if solver == "highs" else "kept").apply(mpec)
    mpec, to_source = products.program, to_source @ products.recover
    if solver == "highs":
        _refuse_products_in_rows(mpec)
    written, binaries = _written(mpec, bounds, method) if solver == "highs" else _spatial(mpec, bounds, method)
    return Image(
        source=source,
        mpec=mpec,
        program=written.program,
        to_source=to_source,
        bounds=bounds,
        binaries=binaries,
        method=method,
        assumes=without_products.assumes + linear.assumes + products.assumes + assumed,
        notes=lifted.notes + without_products.notes + linear.notes + products.notes + written.notes,
    )


def _lifted(source: BilevelProgram) -> tuple[Reduced[BilevelProgram], Chains | None]:
    """Take products of others' columns out of followers' rows; what moves with them is for the conditions to know."""
    wanted = liftable(source)
    return LiftedProducts(~wanted).apply(source) if wanted.any() else (_unchanged(source), None)


def _unchanged(source: BilevelProgram) -> Reduced[BilevelProgram]:
    return Reduced(source, Recovery.identity(source.point_size))


def _multiplies_multipliers(mpec: MPEC) -> bool:
    """Tell whether a product has a multiplier for a factor: writing it by linear rows wants the tightest bounds."""
    terms = (mpec.products, mpec.rows.products)
    used = np.concatenate([side for products in terms for side in (products.left, products.right)])
    return bool(np.isin(used, mpec.complementarity.multiplier).any())


def _refuse_without_point(
    mpec: MPEC, bounds: Bounds, declared: MPEC, players: Sequence[str], threads: int | None
) -> None:
    """Refuse a game whose relaxation has no point; ``declared`` is the MPEC before its boxes were propagated."""
    program = without_complementarity(_with_linear_rows(mpec), bounds)
    columns = replace(program.columns, integer=np.zeros(len(program.columns), bool))
    free = replace(program, columns=columns, cost=np.zeros(len(columns)), products=Product.none())
    if PersistentHighs(free, HighsOptions(threads=threads)).solve().status == "infeasible":
        refuse_hopeless_followers(declared, players, threads)
        raise InfeasibleGame(NO_POINT)


def _with_linear_rows(mpec: MPEC) -> MPEC:
    """Let go of the rows with products."""
    rows = mpec.rows
    lower, upper = rows.lower.copy(), rows.upper.copy()
    lower[rows.products.index], upper[rows.products.index] = -np.inf, np.inf
    return replace(mpec, rows=Rows(rows.matrix, lower, upper, rows.names))


def _written(mpec: MPEC, bounds: Bounds, method: Method) -> tuple[Reduced[MixedIntegerProgram], Integers]:
    """Return the mixed-integer program, and which complementarities have a binary in it."""
    if isinstance(method, Branching):
        program = without_complementarity(mpec, bounds)
        return Reduced(program, Recovery.identity(len(program.columns))), np.empty(0, np.int64)
    switched, binaries = big_m.BigM(bounds).apply(mpec), big_m.binaries_of(mpec, bounds)
    program = switched.program
    tightened = replace(program, rows=program.rows.append(opposed_rows(mpec, binaries)))
    return replace(switched, program=tightened), binaries


def _spatial(mpec: MPEC, bounds: Bounds, method: Method) -> tuple[Reduced[SpatialProgram], Integers]:
    """Return the program for SCIP, and which complementarities have a binary in it."""
    none = np.empty(0, np.int64)
    if isinstance(method, KKT) and isinstance(method.complementarity, SOS1):
        return sos1.SOS1(bounds).apply(mpec), none
    if isinstance(method, KKT) and isinstance(method.complementarity, Indicator):
        return indicator.Indicator(bounds).apply(mpec), none
    written = big_m.BigM(bounds).apply(replace(mpec, rows=replace(mpec.rows, products=Product.none())))
    program = SpatialProgram.of(written.program, mpec.rows.products)
    return Reduced(program, written.recover), big_m.binaries_of(mpec, bounds)


def _needs_bounds(method: Method, mpec: MPEC, given: object) -> bool:
    if isinstance(method, KKT):
        return isinstance(method.complementarity, BigM)
    return isinstance(method, StrongDuality) and (given is not None or not _has_bounded_factors(mpec))


def _has_bounded_factors(mpec: MPEC) -> bool:
    """Tell whether all factors of products, those of the strong-duality rows too, are bounded and no multipliers."""
    terms = (mpec.products, mpec.rows.products, strong_duality.gap_products(mpec))
    used = np.concatenate([side for products in terms for side in (products.left, products.right)])
    lower, upper = mpec.columns.lower[used], mpec.columns.upper[used]
    finite = np.isfinite(lower).all() and np.isfinite(upper).all()
    return bool(finite and not np.isin(used, mpec.complementarity.multiplier).any())


def _refuse_products_in_rows(mpec: MPEC) -> None:
    """Refuse what strong duality leaves where the leader acts on the followers through continuous variables."""
    for term in range(min(len(mpec.rows.products), 1)):
        products = mpec.rows.products
        left, right = mpec.columns.names[int(products.left[term])], mpec.columns.names[int(products.right[term])]
        raise NotApplicable(
            mpec.rows.names[int(products.index[term])],
            f"the product {left}*{right} has no binary factor, so the row is not linear; "
            "use bl.KKT(), or make the leader's variable binary",
        )


def _with_multiplier_boxes(mpec: MPEC, bounds: Bounds) -> MPEC:
    """Return the MPEC whose multiplier columns have the bounds."""
    column = mpec.complementarity.multiplier
    lower, upper = mpec.columns.lower.copy(), mpec.columns.upper.copy()
    lower[column] = np.maximum(lower[column], bounds.multiplier_lower)
    upper[column] = np.minimum(upper[column], bounds.multiplier_upper)
    return replace(mpec, columns=replace(mpec.columns, lower=lower, upper=upper))


def _of_equalities(bounds: Bounds, before: MPEC) -> Bounds:
    """Keep the bounds of the entries that strong duality leaves: the equalities."""
    kept = before.complementarity.equality
    return Bounds(
        *(getattr(bounds, item)[kept] for item in ("multiplier_lower", "multiplier_upper", "slack_upper")),
        *(getattr(bounds, item)[kept] for item in ("source", "argument", "slack_source")),
    )


def _multiplier_signs(source: BilevelProgram, to_source: Recovery, mpec: MPEC) -> Matrix:
    """Return ``(m + 2 n, p)``: the user's multipliers from those of the lower-level rows."""
    n = len(source.columns)
    return sparse.csr_array(to_source.matrix[n:][:, mpec.complementarity.multiplier])


def _given_ranges(mpec: MPEC, signs: Matrix, given: Mapping[int, tuple[float, float]] | float) -> tuple[Floats, Floats]:
    """Return the ranges of the lower-level multipliers ``(p,)`` that the user gave, infinite elsewhere."""
    equality = mpec.complementarity.equality
    count = len(equality)
    least, most = np.full(count, -np.inf), np.full(count, np.inf)
    if not isinstance(given, Mapping):
        least[:], most[:] = np.where(equality, -float(given), 0.0), float(given)
        return least, most
    for position, (low, high) in given.items():
        begin, end = signs.indptr[position : position + 2]
        for entry, sign in zip(signs.indices[begin:end].tolist(), signs.data[begin:end].tolist(), strict=True):
            small, large = (low, high) if sign > 0 else (-high, -low)
            least[entry] = small if equality[entry] else 0.0
            most[entry] = large if equality[entry] else max(large, 0.0)
    return least, most


def method_bounds(method: Method | BigM | SOS1 | Indicator) -> Any:
    """Return what the user gave as bounds of multipliers."""
    if isinstance(method, KKT):
        method = method.complementarity
    return method.bounds if isinstance(method, BigM | StrongDuality) else None
