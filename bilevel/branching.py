"""Branch and bound on complementarities: exact, without a big-M anywhere."""

from __future__ import annotations

import heapq
import time
from dataclasses import dataclass, replace

import numpy as np

from bilevel.errors import SolverFailure
from bilevel.highs import HighsOptions, MipProgress, PersistentHighs
from bilevel.nodes import MULTIPLIER_ZERO, OPEN, SLACK_ZERO, Node, NodeProgram, Relaxed
from bilevel.answer import Answer, Limits
from bilevel.methods import Branching
from bilevel.pipeline import Image
from reformulations.followers_gap import FollowersGap
from reformulations.patterns import at_pattern
from reformulations.programs import Booleans, Floats, Integers

ZERO = 1e-7
INTEGRAL = 1e-6
REPORT_SECONDS = 0.5
ROUNDS = 300


def search(image: Image, limits: Limits, start: Floats | None = None) -> Answer:
    s = Search(image, limits, start)
    try:
        s.run()
    except KeyboardInterrupt:
        s.stopped = "interrupted"
    return s.answer()


class Search:
    def __init__(self, image, limits, start):
        self.began = time.perf_counter()
        self.image, self.limits = image, limits
        self.rules = image.method if isinstance(image.method, Branching) else Branching()
        opts = HighsOptions(threads=limits.threads, time_limit=limits.time_limit, presolve=False)
        self.lp = NodeProgram(image, opts)
        self.pairs = image.mpec.complementarity
        self.gap = FollowersGap.of(image.mpec)
        self.gap_solver = PersistentHighs(self.gap.program, opts)
        self.open = []
        self.count = 0
        self.best, self.point = np.inf, None
        self.floor = np.inf
        self.stopped = ""
        self.unbounded = False
        self.seen = set()
        q = len(self.lp.integers)
        p = len(self.pairs)
        self.gain = np.zeros((p + q, 2)); self.tries = np.zeros((p + q, 2))
        self.stats = dict(nodes=0, gap=0, pattern=0, strong=0, pruned=0, infeasible=0)

    @property
    def cutoff(self):
        return self.best - 0.5 * self.limits.gap * max(1.0, abs(self.best)) if np.isfinite(self.best) else np.inf

    def run(self):
        node = self.lp.root()
        last = self.began
        while True:
            now = time.perf_counter()
            if self.limits.time_limit is not None and now - self.began > self.limits.time_limit:
                self.stopped = "time_limit"
            elif self.rules.node_limit is not None and self.stats['nodes'] >= self.rules.node_limit:
                self.stopped = "limit"
            if self.stopped:
                heapq.heappush(self.open, (node.bound, self.count, node)); return
            if now - last > REPORT_SECONDS and self.limits.progress:
                last = now; self.report(node)
            children = self.process(node)
            if self.unbounded: return
            node = None
            if children:
                node, others = children[0], children[1:]
                for o in others: self.push(o)
                if self.open and self.leaves_dive(node):
                    self.push(node); node = None
            if node is None:
                node = self.pop()
                if node is None: return

    def leaves_dive(self, node):
        if not np.isfinite(self.best): return False
        low = self.open[0][0]
        return node.bound > low + 0.25 * (self.best - low)

    def push(self, node):
        self.count += 1
        heapq.heappush(self.open, (node.bound, -self.count, node))

    def pop(self):
        while self.open:
            _, _, node = heapq.heappop(self.open)
            if node.bound < self.cutoff: return node
            self.floor = min(self.floor, node.bound)
        return None

    def process(self, node):
        for rnd in range(ROUNDS):
            self.stats['nodes'] += 1
            r = self.lp.solve(node)
            if node.trail is not None and rnd == 0 and OPT.get('learn', 1):
                k, side, amount = node.trail
                room = self.best - node.bound if np.isfinite(self.best) and np.isfinite(node.bound) else OPT.get('inf', 1.0) * max(1.0, abs(node.bound) if np.isfinite(node.bound) else 1.0)
                g = room if r.status == 'infeasible' else min(max(r.bound - node.bound, 0), room) if np.isfinite(r.bound) and np.isfinite(node.bound) else None
                if g is not None:
                    self.gain[k, side] += g / max(amount, 1e-6); self.tries[k, side] += 1
            if r.status == 'infeasible':
                self.stats['infeasible'] += 1
                return []
            bound = max(node.bound, r.bound)
            node = replace(node, bound=bound)
            if bound >= self.cutoff:
                self.floor = min(self.floor, bound); self.stats['pruned'] += 1
                return []
            undecided = node.decisions == OPEN
            if r.point is None:
                return self.blind(node, undecided, r)
            z = r.point
            ints = z[self.lp.integers]
            frac = np.abs(ints - np.round(ints))
            s = np.maximum(self.pairs.slacks(z), 0); lam = np.maximum(z[self.pairs.multiplier], 0)
            fractional = (frac > INTEGRAL) & (node.lower < node.upper)
            violated = undecided & (np.minimum(s, lam) > ZERO)
            if not fractional.any() and r.status == 'optimal':
                if not violated.any():
                    self.offer(node, lam > s, z)
                    if bound < self.cutoff and self.lp.add_tangents(z, r.heights, max(0.02 * self.limits.gap, 1e-7) * max(1.0, abs(bound))):
                        continue
                    if not undecided.any() and not (node.lower < node.upper).any():
                        self.accept_leaf(node, r); return []
                gapped = self.respond(node, z) if self.stats['nodes'] % OPT.get('every',1) == 0 or self.point is None or node.depth<8 else None
            else: gapped = None
            if bound >= self.cutoff:
                self.floor = min(self.floor, bound); self.stats['pruned'] += 1
                return []
            if r.status=='optimal' and len(self.lp.parts) and rnd < 3:
                if self.lp.add_tangents(z, r.heights, 1e-3 * max(1.0, abs(bound))): continue
            if r.status == 'unbounded' and not undecided.any():
                return self.unbounded_leaf(node)
            out = self.choose(node, r, s, lam, gapped, undecided, violated, fractional)
            if isinstance(out, Node): node = out; continue
            return out
        self.floor = min(self.floor, node.bound)
        return []

    def blind(self, node, undecided, r):
        if undecided.any():
            k = int(np.flatnonzero(undecided)[0])
            return [self.lp.decided(node, k, SLACK_ZERO), self.lp.decided(node, k, MULTIPLIER_ZERO)]
        if r.status == 'unbounded':
            return self.unbounded_leaf(node)
        self.floor = min(self.floor, node.bound); self.failed = True
        return []

    def unbounded_leaf(self, node):
        if self.lp.has_point(node):
            self.unbounded = True
        return []

    def accept_leaf(self, node, r):
        self.floor = min(self.floor, max(node.bound, r.bound))

    # incumbents
    def respond(self, node, z):
        self.stats['gap'] += 1
        cost = self.gap.cost(z); right = self.gap.right_side(z)
        self.gap_solver.change_cost(np.arange(len(cost)), cost)
        self.gap_solver.change_row_bounds(np.arange(len(right)), right, right)
        if MODE == 2:
            up = np.where(node.decisions == MULTIPLIER_ZERO, 0.0, np.inf)
            lo = np.where(self.pairs.equality, -np.inf, 0.0)
            self.gap_solver.change_column_bounds(np.arange(len(cost)), lo, up)
        try:
            out = self.gap_solver.attempt(self.limits.time_limit, presolve=False)
        except SolverFailure: out = None
        if out is None or out.status != 'optimal': return None
        lam = np.where(self.pairs.equality, 0, np.maximum(out.point, 0))
        y = z.copy(); y[self.image.mpec.stationarity.column] += out.row_duals
        y[self.pairs.multiplier] = out.point
        s = np.maximum(self.pairs.slacks(y), 0)
        self.offer(node, lam > s, z)
        return lam

    def offer(self, node, on, z):
        on = (on | self.lp._forced[0]) & ~self.pairs.equality
        ints = np.round(z[self.lp.integers])
        key = np.packbits(on).tobytes() + ints.tobytes()
        if key in self.seen: return
        self.seen.add(key)
        self.stats['pattern'] += 1
        d = np.where(on | self.pairs.equality, SLACK_ZERO, MULTIPLIER_ZERO).astype(np.int8)
        r = self.lp.solve(Node(-np.inf, 0, d, ints, ints))
        if r.status != 'optimal' or r.bound >= self.cutoff: return
        point = r.point
        program = at_pattern(self.image.mpec, on, np.round(point[self.lp.integers]))
        try:
            o = PersistentHighs(program, HighsOptions(threads=self.limits.threads)).solve()
            if o.status == 'optimal' and o.point is not None: point = o.point
        except SolverFailure: pass
        v = self.image.mpec.objective(point)
        if len(self.lp.parts): self.lp.add_tangents(point, np.full(len(self.lp.parts), -np.inf), 0.0)
        if v < self.best:
            self.best, self.point = v, point

    # branching
    def child(self, node, k, side, value):
        p = len(self.pairs)
        if k < p: return self.lp.decided(node, k, side + 1)
        lower, upper = node.lower.copy(), node.upper.copy()
        if side == 0: upper[k - p] = np.floor(value)
        else: lower[k - p] = np.floor(value) + 1
        return replace(node, lower=lower, upper=upper, depth=node.depth + 1)

    def choose(self, node, r, s, lam, star, undecided, violated, fractional):
        p = len(self.pairs)
        z = r.point
        amount = np.zeros((p + len(fractional), 2))
        amount[:p, 0] = s; amount[:p, 1] = lam if star is None or not MODE else star
        eligible = np.concatenate([violated, fractional])
        if star is not None and MODE:
            e = undecided & (star * s > ZERO)
            if e.any(): eligible = np.concatenate([e, fractional])
        x = z[self.lp.integers]
        amount[p:, 0] = x - np.floor(x); amount[p:, 1] = np.ceil(x) - x
        if not eligible.any():
            if undecided.any():
                eligible[:p] = undecided
                amount[:p] += 1e-9
            else:
                eligible[p:] = node.lower < node.upper
                if not eligible.any():
                    self.floor=min(self.floor,node.bound); return []
        cand = np.flatnonzero(eligible)
        if r.status == 'unbounded':
            k = cand[np.argmax(amount[cand].min(axis=1) + 1e-6*amount[cand].sum(axis=1))]
            return self.ordered(node, int(k), x, p, lam, s, [node.bound]*2)
        mean = np.where(self.tries.sum() > 0, self.gain.sum(0) / np.maximum(self.tries.sum(0), 1), 1.0)
        pc = np.where(self.tries > 0, self.gain / np.maximum(self.tries, 1), mean)
        eps = 1e-6 * max(1.0, abs(node.bound))
        est = np.maximum(pc[cand] * amount[cand], eps)
        score = est[:, 0] * est[:, 1] if OPT.get('rule','product')=='product' else est.min(1)*(1-OPT['mu'])+OPT['mu']*est.max(1)
        order = np.argsort(-score, kind='stable')
        best = (-1.0, None, None)
        budget = self.rules.candidates
        for i in order[:budget]:
            k = int(cand[i])
            if self.tries[k].min() >= self.rules.reliability:
                sc = score[i]; bounds = [node.bound, node.bound]
            else:
                bounds = []
                for side in (0, 1):
                    self.stats['strong'] += 1
                    v = x[k - p] if k >= p else 0.0
                    c = self.child(node, k, side, v)
                    rr = self.lp.solve(c)
                    b = np.inf if rr.status == 'infeasible' else max(rr.bound, node.bound)
                    bounds.append(b)
                    if np.isfinite(b):
                        self.gain[k, side] += (b - node.bound) / max(amount[k, side], 1e-6)
                        self.tries[k, side] += 1
                dead = [b >= self.cutoff for b in bounds]
                for b in bounds:
                    if self.cutoff <= b < np.inf: self.floor = min(self.floor, b)
                if all(dead): return []
                if any(dead):
                    side = 0 if dead[1] else 1
                    c = self.child(node, k, side, x[k - p] if k >= p else 0.0)
                    return replace(c, bound=max(node.bound, bounds[side]), trail=None)
                g = [max(b - node.bound, eps) for b in bounds]
                sc = g[0] * g[1]
            if sc > best[0]: best = (sc, k, bounds)
        _, k, bounds = best
        return self.ordered(node, k, x, p, lam if star is None else star, s, bounds)

    def ordered(self, node, k, x, p, lam, s, bounds):
        v = x[k - p] if k >= p else 0.0
        am = (s[k], lam[k]) if k < p else (v - np.floor(v), np.ceil(v) - v)
        children = [replace(self.child(node, k, side, v), bound=max(node.bound, bounds[side]), trail=(k, side, float(am[side]))) for side in (0, 1)]
        if k < p: first = 0 if lam[k] > s[k] else 1
        else: first = 0 if v - np.floor(v) < 0.5 else 1
        return [children[first], children[1 - first]]

    def lower(self):
        low = min([self.floor, self.best] + ([self.open[0][0]] if self.open else []))
        return low

    def report(self, node):
        b = min(self.lower(), node.bound)
        self.limits.progress(MipProgress(self.best, b, abs(self.best-b)/max(1,abs(self.best)), self.stats['nodes'], time.perf_counter() - self.began))

    def answer(self):
        sec = time.perf_counter() - self.began
        if self.unbounded: return Answer('unbounded', None, np.inf, -np.inf, self.stats['nodes'], sec)
        b = self.lower()
        if self.point is None:
            st = self.stopped or ('infeasible' if b == np.inf else 'limit')
            return Answer(st, None, np.inf, b, self.stats['nodes'], sec)
        closed = self.best - b <= self.limits.gap * max(1.0, abs(self.best))
        return Answer('optimal' if closed else self.stopped or 'limit', self.point, self.best, b, self.stats['nodes'], sec)


import os
OPT = eval('dict('+os.environ.get('OPT','')+')')
MODE = int(os.environ.get('MODE', '0'))
