"""The judge: puts the same queries to all entries, and believes none of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import numpy as np

from .benchmark import pinned_threads, turns
from .clock import Clock, time_calls
from .entries import EntryFolder, EntryProcess, Foul, Limits
from .entry import Entry, Queries, exact_match
from .machine import Machine
from .measured import Disqualification, Measured
from .memory import held_bytes, measure_peak
from .olympic_results import OlympicResults
from .units import one_line, show_percent, show_seconds

__all__ = ["Olympics"]

Grade = Callable[[Any, Any], Sequence[bool]]

LONGEST = 1000  # letters of a reason
FEWEST_TO_TELL = 8  # queries; fewer may have the same answer by chance
FRESH_TOLERANCE = 0.2  # so much more than the baseline an entry may lose on fresh queries
FRESH_SLOWER = 2.0  # so many times more than the baseline an entry may slow down on them


class Olympics:
    """Held-out queries, and a judge who measures how entries answer them.

    1. Each query is put to every entry, in turns. The first answer counts: it is graded, and the
       time it took is the latency. So remembering answers gains nothing. The times of the first
       ``warmup_queries`` are left out.
    2. All queries are put once more, in a shuffled order. An answer must be the same again: it may
       depend on its query, and on nothing else.
    3. Fresh queries, if the judge has some, are put once, in turns. Whoever answers those much
       worse than the others, or takes much longer, while the baseline does not, knows the answers
       and not the task.
    4. Memory is measured: what an entry holds, and the most it allocates while it answers
       ``memory_queries`` of the queries again, which it must as before.

    An entry is disqualified if it raises, answers NaN, changes an answer, gives the same answer to
    everything (alone, or to every batch), fails on fresh queries, holds no arrays, or if its
    latency is no finite number above 0. An ``EntryFolder`` runs in a process of its own and is sent
    off as well for taking too long, for needing too much memory, for computing in the background or
    on more threads than allowed, and for whatever the ``Guard`` forbids: writing outside its
    folder, importing the test data, reading files while it answers. Its latency is that of the
    round trip, measured here. An ``Entry`` runs in this process, where one that never returns, or
    that goes looking for the targets, is not caught.

    Args:
        inputs: the queries. Arrays are handed to entries as read-only copies.
        targets: the right answers, as many.
        grade: from an answer and its target to a list of right (True) and wrong (False).
        fresh: further queries with their targets, not to be found anywhere near the others.
        limits: for the processes of entries that are folders.
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
        fresh: Queries | None = None,
        limits: Limits | None = None,
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
        inputs, targets = fresh or ([], [])
        self.fresh = Queries([_read_only(value) for value in inputs], list(targets))
        self.limits = limits or Limits(threads=threads or 1)
        self.threads = threads
        self.warmup_queries = warmup_queries
        self.memory_queries = memory_queries
        self.seed = seed
        self.progress = progress
        self.clock = clock

    def run(
        self, baseline: Entry | EntryFolder, entries: Sequence[Entry | EntryFolder] = ()
    ) -> OlympicResults:
        """Judge the baseline, which takes part, and the other entries.

        Raises:
            ValueError: two entries have the same name.
            RuntimeError: the baseline is disqualified, so there is nothing to measure against.
        """
        names = [entry.name for entry in (baseline, *entries)]
        if len(set(names)) < len(names):
            raise ValueError(f"Olympics: every entry needs a name of its own, got {names}")
        machine = Machine.here()
        with pinned_threads(self.threads), self._heats((baseline, *entries)) as heats:
            self._ask_first(heats)
            self._ask_again(heats)
            self._ask_fresh(heats)
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

    @contextmanager
    def _heats(self, entries: Sequence[Entry | EntryFolder]) -> Iterator[dict[str, Heat]]:
        """A heat for each entry; those that are folders run until the end of the ``with``."""
        heats: dict[str, Heat] = {}
        with ExitStack() as stack:
            for entry in entries:
                heats[entry.name] = heat = Heat(entry)
                if isinstance(entry, EntryFolder):
                    try:
                        process = stack.enter_context(EntryProcess(entry, self.limits))
                    except Foul as foul:
                        heat.reason = str(foul)
                    else:
                        heat.predict, heat.process = process.predict, process
            yield heats

    def _ask_first(self, heats: dict[str, Heat]) -> None:
        """Every query to every entry, in turns: answers and latencies."""
        for i, order in enumerate(turns(list(heats), len(self.inputs))):
            for name in order:
                heats[name].answer(self.inputs[i], self.clock)
                self._report(heats, i, name)
        for heat in heats.values():
            heat.look_at_time()

    def _ask_again(self, heats: dict[str, Heat]) -> None:
        """Every query again, in another order: are the answers the same?"""
        order = np.random.default_rng(self.seed).permutation(len(self.inputs)).tolist()
        for round_, i in enumerate(order):
            for name, heat in heats.items():
                heat.repeat(self.inputs[i], i)
                self._report(heats, len(order) + round_, name)

        for heat in heats.values():
            heat.look_for_sameness(self.targets)

    def _ask_fresh(self, heats: dict[str, Heat]) -> None:
        """Queries that nobody has seen: does an entry do worse there than the baseline does?"""
        first, *others = heats.values()
        if not self.fresh.inputs or first.reason:
            return
        for i, order in enumerate(turns(list(heats), len(self.fresh.inputs))):
            for name in order:
                heats[name].answer(self.fresh.inputs[i], self.clock, fresh=True)
        if first.reason:
            return
        for heat in others:
            if not heat.reason:
                heat.reason = self._does_worse(heat, first) or self._takes_longer(heat, first)

    def _does_worse(self, heat: Heat, first: Heat) -> str:
        """What there is to object to the accuracy on fresh queries."""
        known, fresh, usual, usual_fresh = (
            self._accuracy(*graded)
            for one in (heat, first)
            for graded in ((one.answers, self.targets), (one.fresh, self.fresh.targets))
        )
        if known - fresh <= max(usual - usual_fresh, 0.0) + FRESH_TOLERANCE:
            return ""
        return (
            f"it answers {show_percent(known)} of the queries rightly, and of fresh ones "
            f"{show_percent(fresh)}: it knows the answers, not the task"
        )

    def _takes_longer(self, heat: Heat, first: Heat) -> str:
        """What there is to object to the time that fresh queries take.

        Compared are the median of the known and the first quartile of the fresh: chance makes times
        longer, hardly ever shorter.
        """
        if len(self.fresh.inputs) < FEWEST_TO_TELL:
            return ""
        (known, fresh), (usual, usual_fresh) = (
            (
                float(np.median(one.seconds[self.warmup_queries :])),
                float(np.quantile(one.fresh_seconds, 0.25)),
            )
            for one in (heat, first)
        )
        if fresh <= FRESH_SLOWER * known * max(usual_fresh / usual, 1.0):
            return ""
        return (
            f"it takes {show_seconds(known)} for the queries, and for fresh ones at least "
            f"{show_seconds(fresh)}: it looks up what it should compute"
        )

    def _graded(self, answers: Sequence[Any], targets: Sequence[Any]) -> list[bool]:
        """Which answers are right."""
        right: list[bool] = []
        for answer, target in zip(answers, targets, strict=True):
            right += self.grade(answer, target)
        return right

    def _accuracy(self, answers: Sequence[Any], targets: Sequence[Any]) -> float:
        right = self._graded(answers, targets)
        return sum(right) / max(len(right), 1)

    def _weigh(self, heats: dict[str, Heat]) -> None:
        """What each holds by now, and the most it allocates on some of the queries."""
        count = min(self.memory_queries, len(self.inputs))
        generator = np.random.default_rng(self.seed)
        some = generator.choice(len(self.inputs), count, replace=False).tolist()
        for heat in heats.values():
            heat.weigh([self.inputs[i] for i in some], some, self.limits)

    def _report(self, heats: dict[str, Heat], round_: int, name: str) -> None:
        if self.progress is not None:
            asked = round_ * len(heats) + list(heats).index(name) + 1
            self.progress(asked, 2 * len(self.inputs) * len(heats))

    def _measured(self, heat: Heat) -> Measured:
        right = self._graded(heat.answers, self.targets)
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

    def __init__(self, entry: Entry | EntryFolder) -> None:
        self.entry = entry
        self.predict: Callable[[Any], Any] = getattr(entry, "predict", _not_started)
        self.process: EntryProcess | None = None
        self.answers: list[Any] = []
        self.seconds: list[float] = []
        self.fresh: list[Any] = []  # the answers to fresh queries
        self.fresh_seconds: list[float] = []
        self.held_bytes = 0
        self.working_bytes = 0
        self.reason = ""

    def answer(self, query: Any, clock: Clock, fresh: bool = False) -> None:
        """Put a query for the first time: the answer and its latency count."""
        answers: list[Any] = []
        seconds = self._guarded(
            lambda: time_calls(lambda: answers.append(self.predict(query)), 1, (clock,))
        )
        if self.reason:
            return
        if not (np.isfinite(seconds) and seconds > 0):
            self.reason = f"its latency must be a finite number above 0, got {seconds}"
        (self.fresh_seconds if fresh else self.seconds).append(seconds)
        kept = self._guarded(lambda: _kept(answers[0]))
        (self.fresh if fresh else self.answers).append(kept)

    def repeat(self, query: Any, number: int) -> None:
        """Put a query again: the answer must be the same."""
        again = self.ask(query)
        if not self.reason and not _same(again, self.answers[number]):
            first = self.answers[number]
            self.reason = one_line(
                f"it changed its answer to query {number} from {first!r} to {again!r}", LONGEST
            )

    def ask(self, query: Any) -> Any:
        """The answer to a query, without timing it; None once there is a reason."""
        return self._guarded(lambda: _kept(self.predict(query)))

    def look_at_time(self) -> None:
        """An entry computes while it answers, and rests while others do."""
        if self.process is not None and not self.reason:
            self.reason = self.process.overtime()

    def look_for_sameness(self, targets: Sequence[Any]) -> None:
        """An entry that never looks at its query is none, if the right answers differ."""
        if self.reason or len(targets) < FEWEST_TO_TELL:
            return
        if _all_same(self.answers) and not _all_same(targets):
            self.reason = one_line(f"it answers {self.answers[0]!r} to every query", LONGEST)

    def weigh(self, queries: Sequence[Any], numbers: Sequence[int], limits: Limits) -> None:
        """Measure what the entry holds, and what it allocates to answer queries of these numbers
        again."""
        if self.reason:
            return
        if isinstance(self.entry, EntryFolder):
            answers = [self.answers[number] for number in numbers]
            found = self._guarded(partial(_weigh_folder, self.entry, queries, answers, limits))
            self.held_bytes, self.working_bytes = found or (0, 0)
        else:
            for query in queries:
                peak = self._guarded(partial(measure_peak, partial(self.predict, query)))
                if self.reason:
                    return
                self.working_bytes = max(self.working_bytes, peak.peak_bytes)
            self.held_bytes = held_bytes(self.entry.model, self.predict)
        if not self.reason and not self.held_bytes:
            self.reason = "it holds no arrays, so its memory cannot be measured; name its model"

    def _guarded(self, action: Callable[[], Any]) -> Any:
        """What ``action`` returns; None, and a reason, if the entry raises."""
        if self.reason:
            return None
        try:
            return action()
        except Foul as foul:
            self.reason = str(foul)
            return None
        except (Exception, SystemExit) as error:  # the entry's fault, whatever it is: on record
            self.reason = one_line(f"it raised {type(error).__name__}: {error}", LONGEST)
            return None


def _not_started(query: Any) -> Any:
    raise Foul("its process was not started")


def _weigh_folder(
    entry: EntryFolder, queries: Sequence[Any], answers: Sequence[Any], limits: Limits
) -> tuple[int, int]:
    """Held and working memory, in another process: to trace memory makes an entry slow."""
    with EntryProcess(entry, limits, traced=True) as process:
        return process.weigh(queries, answers)


def _all_same(values: Sequence[Any]) -> bool:
    """Is there one value only, whole answers compared, or all items of all batches?"""
    if any(isinstance(value, str) for value in values):
        return len(set(map(str, values))) == 1
    if all(np.array_equal(value, values[0]) for value in values):
        return True
    items = [np.asarray(value).ravel() for value in values]
    return len(np.unique(np.concatenate(items))) == 1


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
