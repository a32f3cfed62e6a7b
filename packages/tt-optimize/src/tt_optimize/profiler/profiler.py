"""The Profiler: it listens while a block runs."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from time import perf_counter
from typing import Any

from tt_autograd import time_rules, untime_rules
from tt_nn import Module
from tt_nn.hooks import register_module_forward_hook, register_module_forward_pre_hook
from tt_tensor import time_ops, untime_ops

from ..size import size_of
from .recorder import Recorder, measuring, note_peak
from .result import Profile
from .summary import summary

__all__ = ["Profiler", "profile"]


class Profiler:
    """Measures what runs inside a ``with`` block: operations, gradient rules, modules.

    Operations of all threads are counted, each with the module that its own thread is in. A
    profiler inside another one is fine: both see what runs inside both. Leaving by an exception is
    fine, too: what ran until then is in the result.

    Args:
        memory: also measure the peak memory, by tracemalloc, to which NumPy reports its arrays.
            This slows every allocation; measure times without it.
        trace: also keep every single event, for ``Profile.chrome_trace``: about 1 kB each.

    Attributes:
        result: the Profile, when the block has been left.

    Raises:
        RuntimeError: entered while it is running, or the result asked for before it is there.

    >>> from tt_tensor import ones
    >>> with Profiler() as p:
    ...     y = ones(100, 100) @ ones(100, 100)
    >>> p.result.ops["matmul", "forward"].flops
    2000000
    """

    def __init__(self, memory: bool = False, trace: bool = False) -> None:
        self.memory = memory
        self.trace = trace
        self._recorder: Recorder | None = None  # while it is running
        self._result: Profile | None = None
        self._leave = ExitStack()
        self._start = 0.0
        self._base = 0

    @property
    def result(self) -> Profile:
        """What was found in the block that was left last."""
        if self._result is None:
            raise RuntimeError("the result is there when the block was left: with Profiler() as p")
        return self._result

    def __enter__(self) -> Profiler:
        if self._recorder is not None:
            raise RuntimeError("this Profiler is running already; make another one: Profiler()")
        self._result = None
        recorder = self._recorder = Recorder(self.trace, self.memory)
        recorder.track()
        self._leave = leave = ExitStack()
        if self.memory:
            if not tracemalloc.is_tracing():
                tracemalloc.start()
                leave.callback(tracemalloc.stop)
            self._base = note_peak()
            measuring.append(recorder)
            leave.callback(measuring.remove, recorder)
        leave.callback(register_module_forward_pre_hook(recorder.enter).remove)
        leave.callback(register_module_forward_hook(recorder.leave, always_call=True).remove)
        time_ops(recorder.forward)
        leave.callback(untime_ops, recorder.forward)
        time_rules(recorder.backward)
        leave.callback(untime_rules, recorder.backward)
        self._start = perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        now = perf_counter()
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return
        with self._leave:
            recorder.finish(now)
            if self.memory:
                note_peak()
        self._result = summary(recorder, now - self._start, recorder.tracks[0])
        if self.memory:
            self._result.peak_bytes = recorder.peak - self._base

    @contextmanager
    def region(self, name: str) -> Iterator[None]:
        """Give a part of the block a line of its own among the modules, such as "optimizer".

        >>> with Profiler() as p:
        ...     with p.region("sums"):
        ...         total = sum(range(1000))
        >>> p.result.modules["sums"].calls
        1
        """
        recorder = self._recorder
        if recorder is None:
            raise RuntimeError("region: the Profiler is not running; use it inside its with block")
        if not isinstance(name, str) or not name:
            raise ValueError(f"region: expected a name, got {name!r}")
        recorder.enter(name)
        try:
            yield
        finally:
            recorder.leave(name)


def profile(
    model: Callable[..., Any], *inputs: Any, memory: bool = True
) -> tuple[Profile, dict[str, int]]:
    """One timed call of a model, or of any function such as a training step, and its size.

    The first call in a process takes longer than the next ones: call the model once before.

    Returns:
        The profile, and {"parameters": count, "bytes": size in memory}. With ``memory`` it is
        called a second time to measure the peak, of each module too, so that tracing does not
        disturb the times. The size is that of the model, of a function 0.
    """
    with Profiler() as timed:
        model(*inputs)
    result = timed.result
    if memory:
        with Profiler(memory=True) as traced:
            model(*inputs)
        result.peak_bytes = traced.result.peak_bytes
        for name, stats in traced.result.modules.items():
            if name in result.modules:
                result.modules[name].peak_bytes = stats.peak_bytes
                result.modules[name].kept_bytes = stats.kept_bytes
    if not isinstance(model, Module):
        return result, {"parameters": 0, "bytes": 0}
    size = {"parameters": sum(p.numel() for p in model.parameters()), "bytes": size_of(model)}
    return result, size
