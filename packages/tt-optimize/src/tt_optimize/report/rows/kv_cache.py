"""One more token, with the keys and values of those before it remembered, and without."""

from __future__ import annotations

from collections.abc import Callable

from tt_autograd import no_grad
from tt_models import GPT
from tt_tensor import Tensor, randint

from ...kv_cache import KVCache
from ..gpts import VOCABULARY, fresh_gpt
from ..outcome import Goal, Outcome, Setting
from ..timing import Stopwatch, by_turns, repeated

__all__ = ["run"]

GOALS = {256: Goal(10, aim=15), 1024: Goal(40, aim=100)}
NEW = 16  # tokens a sample; those before and after the context itself balance


def run(setting: Setting) -> list[Outcome]:
    """For contexts of 256 and 1,024 tokens."""
    return [_at(context, goal, setting) for context, goal in GOALS.items()]


def _at(context: int, goal: Goal, setting: Setting) -> Outcome:
    layers, width = (1, 32) if setting.quick else (4, 128)
    model = fresh_gpt(layers, 4, width, context + NEW // 2, setting.seed)
    idx = randint(0, VOCABULARY, (1, context + NEW // 2))

    @no_grad()
    def whole() -> None:
        model(idx[:, :context])

    contenders = {"without": repeated(whole, 1), "with": _cached(model, idx)}
    times = by_turns(contenders, setting.samples(15))
    ratio, low, high = times.ratio("without", "with")
    return Outcome(
        f"one more token, KV cache / without, context {context:,}",
        ratio,
        "x",
        f"GPT d{width} L{layers} H4: {1e3 * times.median('without'):.3g} ms without, "
        f"{1e3 * times.median('with'):.3g} ms with",
        goal,
        low,
        high,
        quick=setting.quick,
    )


def _cached(model: GPT, idx: Tensor) -> Callable[[], float]:
    """Seconds of one token: the mean over those just before and after the context."""
    cache = KVCache(model)
    known = idx.shape[1] - NEW

    @no_grad()
    def sample() -> float:
        cache.reset()
        model(idx[:, :known], cache=cache)
        with Stopwatch() as watch:
            for t in range(known, known + NEW):
                model(idx[:, t : t + 1], cache=cache)
        return watch.seconds / NEW

    return sample
