"""The judge: puts the same queries to all entries, and believes none of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from .benchmark import pinned_threads, turns
from .clock import Clock, time_calls
from .entry import Entry, exact_match
from .machine import Machine
from .measured import Disqualification, Measured
from .memory import held_bytes, measure_peak
from .olympic_results import OlympicResults

__all__ = ["Olympics"]

Grade = Callable[[Any, Any], Sequence[bool]]


class Olympics:
    """Held-out queries, and a judge who measures how entries answer them.

    1. Each query is put to every entry, in turns. The first answer counts: it is graded, and the
       time it took is the latency. So remembering answers gains nothing. The times of the first
       ``warmup_queries`` are left out.
    2. All queries are put once more, in a shuffled order. An answer must be the same again: it may
       depend on its query, and on nothing else.
    3. Memory is measured: the arrays an entry holds, and the most it allocates over
       ``memory_queries`` further queries.

    An entry is disqualified if it raises, answers NaN, changes an answer, holds no arrays, or if
    its latency is no finite number above 0. The entries run in this process: one that never
    returns, or that goes looking for the targets, is not caught.

    Args:
        inputs: the queries. Arrays are handed to entries as read-only copies.
        targets: the right answers, as many.
        grade: from an answer and its target to a list of right (True) and wrong (False).
        threads: the limit for BLAS threads; None sets none.
        seed: of the shuffled order and of the queries on which memory is measured.
        progress: called after each question asked, with how many were and how many will be at most.
        clock: what latencies are read from; wall time.

    >>> import numpy as np
    >>> generator = np.random.default_rng(0)
    >>> images = generator.normal(size=(20, 1, 4)).astype(np.float32)
    >>> weight = generator.normal(size=(4, 3)).astype(np.float32)
    >>> labels = [(image @ weight).argmax(-1) for image in images]
    >>> exact = Entry("float32", lambda x: (x @ weight).argmax(-1), model=weight)
    >>> coarse = weight.astype(np.float16)
    >>> half = Entry("float16", lambda x: (x @ coarse).argmax(-1), coarse, ("half precision",))
    >>> results = Olympics(images, labels).run(exact, [half])
    >>> results["float16"].held_bytes / results["float32"].held_bytes
    0.5
    """

    def __init__(
        self,
        inputs: Sequence[Any],
        targets: Sequence[Any],
        grade: Grade = exact_match,
        *,
        threads: int | None = 1,
        warmup_queries: int = 3,
        memory_queries: int = 3,
        seed: int = 0,
        progress: Callable[[int, int], object] | None = None,
        clock: Clock = time.perf_counter,
    ) -> None:
        if len(inputs) != len(targets):
            raise ValueError(
                f"Olympics: expected as many inputs as targets, got {len(inputs)} and "
                f"{len(targets)}"
            )
        if warmup_queries < 0 or memory_queries < 1 or len(inputs) <= warmup_queries:
            raise ValueError(
                "Olympics: expected warmup_queries >= 0, memory_queries >= 1 and more inputs than "
                f"warmup_queries; got {warmup_queries}, {memory_queries} and {len(inputs)} inputs"
            )
        self.inputs = [_read_only(value) for value in inputs]
        self.targets = list(targets)
        self.grade = grade
        self.threads = threads
        self.warmup_queries = warmup_queries
        self.memory_queries = memory_queries
        self.seed = seed
        self.progress = progress
        self.clock = clock

    def run(self, baseline: Entry, entries: Sequence[Entry] = ()) -> OlympicResults:
        """Judge the baseline, which takes part, and the other entries.

        Raises:
            ValueError: two entries have the same name.
            RuntimeError: the baseline is disqualified, so there is nothing to measure against.
        """
        names = [entry.name for entry in (baseline, *entries)]
        if len(set(names)) < len(names):
            raise ValueError(f"Olympics: every entry needs a name of its own, got {names}")
        machine = Machine.here()
        heats = {entry.name: Heat(entry) for entry in (baseline, *entries)}
        with pinned_threads(self.threads):
            self._ask_first(heats)
            self._ask_again(heats)
            self._weigh(heats)
        measured = tuple(self._measured(heat) for heat in heats.values() if not heat.reason)
        off = tuple(
            Disqualification(heat.entry.name, heat.reason) for heat in heats.values() if heat.reason
        )
        if heats[baseline.name].reason:
            raise RuntimeError(
                f"the baseline {baseline.name!r} is disqualified: {heats[baseline.name].reason}. "
                "Without it there is nothing to measure the others against"
            )
        return OlympicResults(
            measured, off, machine, len(self.inputs), self.warmup_queries, self.threads
        )

    def _ask_first(self, heats: dict[str, Heat]) -> None:
        """Every query to every entry, in turns: answers and latencies."""
        for i, order in enumerate(turns(list(heats), len(self.inputs))):
            for name in order:
                heats[name].answer(self.inputs[i], self.clock)
                self._report(heats, i, name)

    def _ask_again(self, heats: dict[str, Heat]) -> None:
        """Every query again, in another order: are the answers the same?"""
        order = np.random.default_rng(self.seed).permutation(len(self.inputs)).tolist()
        for round_, i in enumerate(order):
            for name, heat in heats.items():
                heat.repeat(self.inputs[i], i)
                self._report(heats, len(order) + round_, name)

    def _weigh(self, heats: dict[str, Heat]) -> None:
        """What each holds by now, and the most it allocates on some of the queries."""
        count = min(self.memory_queries, len(self.inputs))
        generator = np.random.default_rng(self.seed)
        some = generator.choice(len(self.inputs), count, replace=False).tolist()
        for heat in heats.values():
            heat.weigh([self.inputs[i] for i in some])

    def _report(self, heats: dict[str, Heat], round_: int, name: str) -> None:
        if self.progress is not None:
            asked = round_ * len(heats) + list(heats).index(name) + 1
            self.progress(asked, 2 * len(self.inputs) * len(heats))

    def _measured(self, heat: Heat) -> Measured:
        right: list[bool] = []
        for answer, target in zip(heat.answers, self.targets, strict=True):
            right += self.grade(answer, target)
        return Measured(
            entry=heat.entry.name,
            techniques=tuple(heat.entry.techniques),
            correct=sum(right),
            graded=len(right),
            latencies_seconds=tuple(heat.seconds[self.warmup_queries :]),
            held_bytes=heat.held_bytes,
            working_bytes=heat.working_bytes,
        )


class Heat:
    """One entry while it is being judged. A ``reason`` ends it."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.answers: list[Any] = []
        self.seconds: list[float] = []
        self.held_bytes = 0
        self.working_bytes = 0
        self.reason = ""

    def answer(self, query: Any, clock: Clock) -> None:
        """Put a query for the first time: the answer and its latency count."""
        answers: list[Any] = []
        seconds = self._guarded(
            lambda: time_calls(lambda: answers.append(self.entry.predict(query)), 1, (clock,))
        )
        if self.reason:
            return
        if not (np.isfinite(seconds) and seconds > 0):
            self.reason = f"its latency must be a finite number above 0, got {seconds}"
        self.seconds.append(seconds)
        self.answers.append(self._guarded(lambda: _kept(answers[0])))

    def repeat(self, query: Any, number: int) -> None:
        """Put a query again: the answer must be the same."""
        again = self._guarded(lambda: _kept(self.entry.predict(query)))
        if not self.reason and not _same(again, self.answers[number]):
            first = self.answers[number]
            self.reason = f"it changed its answer to query {number} from {first!r} to {again!r}"

    def weigh(self, queries: Sequence[Any]) -> None:
        """Measure what the entry holds, and what it allocates to answer."""
        for query in queries:
            peak = self._guarded(partial(measure_peak, partial(self.entry.predict, query)))
            if self.reason:
                return
            self.working_bytes = max(self.working_bytes, peak.peak_bytes)
        self.held_bytes = held_bytes(self.entry.model, self.entry.predict)
        if not self.held_bytes:
            self.reason = "it holds no arrays, so its memory cannot be measured; name its model"

    def _guarded(self, action: Callable[[], Any]) -> Any:
        """What ``action`` returns; None, and a reason, if the entry raises."""
        if self.reason:
            return None
        try:
            return action()
        except (Exception, SystemExit) as error:  # the entry's fault, whatever it is: on record
            self.reason = f"it raised {type(error).__name__}: {error}"
            return None


def _kept(answer: Any) -> Any:
    """The answer in a form that the entry cannot change afterwards: a plain text, or an array.

    Raises:
        TypeError: it is neither a text nor numbers.
        ValueError: it contains NaN.
    """
    if isinstance(answer, str):
        return str.__str__(answer)  # of a subclass, which might equal anything, only the text
    array = np.array(answer)
    if array.dtype.kind not in "biufcU":
        raise TypeError(f"an answer is a text or an array of numbers, got {type(answer).__name__}")
    if array.dtype.kind in "fc" and np.isnan(array).any():
        raise ValueError("the answer contains NaN")
    return array


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return type(a) is type(b) and bool(a == b)
    return np.array_equal(a, b)


def _read_only(value: Any) -> Any:
    """A copy of an array that cannot be written; anything else as it is."""
    if isinstance(value, np.ndarray):
        value = value.copy()
        value.flags.writeable = False
    return value
