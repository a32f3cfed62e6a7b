"""What each step of a pipeline gives and costs: quality, bytes, parameters, FLOPs, seconds.

A step is measured twice: after those before it, and alone. So it shows when two techniques get in
each other's way, or when one of them does all the work.
"""

from __future__ import annotations

import io
import json
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from tt_autograd import no_grad
from tt_nn import Module, save

from .flops import flops
from .hidden_states import evaluating
from .prune.storage import sparse_state
from .size import size_of
from .tables import Table
from .technique import Step

__all__ = ["Ablation", "Variant", "count_parameters", "measure_variants"]


@dataclass(frozen=True)
class Variant:
    """One model: which steps made it, and what was measured of it.

    Attributes:
        name: such as "prune + quantize", or "quantize alone".
        steps: with all options, in their order.
        quality: what ``evaluate`` said.
        bytes_memory: of all parameters and buffers.
        bytes_disk: of the file that ``save`` writes, which stores no zeros where that is smaller.
        parameters: numbers learned, whatever they are stored as.
        flops: of one call with the example.
        seconds: of one call, the median of ``samples``; ``low`` and ``high`` are their quartiles.
        refused: why the steps cannot be done, in which case nothing else is known.
    """

    name: str
    steps: tuple[str, ...]
    quality: float = math.nan
    bytes_memory: int = 0
    bytes_disk: int = 0
    parameters: int = 0
    flops: int = 0
    seconds: float = math.nan
    low: float = math.nan
    high: float = math.nan
    refused: str = ""


@dataclass(frozen=True)
class Ablation:
    """The variants: the model itself, the model after each step, then each step alone.

    Attributes:
        rows: the variants in that order.
        quality: what the quality is called.
        samples: how often each was timed.
    """

    rows: tuple[Variant, ...]
    quality: str
    samples: int

    def __getitem__(self, name: str) -> Variant:
        """The variant of this name."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"{name!r}; there are {', '.join(repr(row.name) for row in self.rows)}")

    def table(self) -> Table:
        """Figures beside the model's own."""
        first = self.rows[0]
        names = ["", self.quality, "memory", "on disk", "parameters", "FLOPs", "time", "spread"]
        refused = [f"{row.name}: not possible. {row.refused}" for row in self.rows if row.refused]
        return Table(
            "What each technique gives and costs, as shares of the model's own figures",
            names,
            [_cells(row, first) for row in self.rows],
            [
                *refused,
                f"The model: {first.bytes_memory:,} bytes in memory, {first.bytes_disk:,} on disk, "
                f"{first.parameters:,} parameters, {first.flops:,} FLOPs, "
                f"{1e3 * first.seconds:.3g} ms a call.",
                f"Times: medians of {self.samples} by turns; the spread is between the quartiles.",
            ],
        )

    def to_json(self) -> str:
        """All figures; what is not known is null."""
        rows = [
            {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in facts.items()}
            for facts in map(asdict, self.rows)
        ]
        facts = {"quality": self.quality, "samples": self.samples, "rows": rows}
        return json.dumps(facts, indent=1, allow_nan=False)

    def __str__(self) -> str:
        return self.table().plain()


def measure_variants(
    model: Module,
    steps: Sequence[Step],
    evaluate: Callable[[Any], float],
    example: Any,
    quality: str,
    samples: int,
    progress: Callable[[str], object],
) -> Ablation:
    """The model, the model after each step, and after each alone; arguments as for `Pipeline`.

    Raises:
        ValueError: too few samples. What a step raises after those before it, it raises here too.
    """
    if samples < 3:
        raise ValueError(f"ablation: quartiles need at least 3 samples, got {samples}")
    inputs = example if isinstance(example, tuple) else (example,)
    made: list[tuple[Variant, Module | None]] = [(Variant("the model", ()), model)]
    latest = model
    for i, step in enumerate(steps):
        name = " + ".join(s.name for s in steps[: i + 1])
        progress(name)
        latest = step(latest)
        made.append((Variant(name, tuple(map(repr, steps[: i + 1]))), latest))
    for step in steps[1:]:
        name = f"{step.name} alone"
        progress(name)
        made.append(_alone(name, step, model))
    rows = []
    for variant, result in made:
        if result is not None:
            progress(f"measuring {variant.name}")
            variant = _sized(variant, result, evaluate, inputs)
        rows.append(variant)
    times = _timed([result for _, result in made if result is not None], inputs, samples)
    timed = iter(times)
    rows = [row if row.refused else _with_times(row, next(timed)) for row in rows]
    return Ablation(tuple(rows), quality, samples)


def count_parameters(model: Module) -> int:
    """How many numbers were learned, whatever they are stored as; shared ones count once.

    >>> from tt_nn import Linear, Sequential
    >>> from tt_optimize import quantize
    >>> layer = Sequential(Linear(64, 32))
    >>> count_parameters(layer), count_parameters(quantize(layer))
    (2080, 2080)
    """
    counts: dict[int, int] = {id(p.array): p.numel() for p in model.parameters()}
    for module in model.modules():
        for name in ("weight_int8", "weight_int4", "weight_float16"):
            stored = vars(module).get(name)
            if stored is not None:  # of two int4 in a byte, the layer knows the shape
                shape = getattr(module, "shape", stored.shape)
                counts[id(stored.array)] = math.prod(shape)
    return sum(counts.values())


def _alone(name: str, step: Step, model: Module) -> tuple[Variant, Module | None]:
    variant = Variant(name, (repr(step),))
    try:
        return variant, step(model)
    except (TypeError, ValueError, RuntimeError) as error:  # it may need what others made
        return replace(variant, refused=f"{type(error).__name__}: {error}"), None


def _sized(
    variant: Variant, model: Module, evaluate: Callable[[Any], float], inputs: tuple[Any, ...]
) -> Variant:
    """All but the times."""
    file = io.BytesIO()
    save(sparse_state(model.state_dict()), file)
    with evaluating(model):
        return replace(
            variant,
            quality=float(evaluate(model)),
            bytes_memory=size_of(model),
            bytes_disk=file.tell(),
            parameters=count_parameters(model),
            # where gradients are recorded, an accelerated model computes by operations that count
            flops=flops(model, *inputs),
        )


def _timed(models: Sequence[Module], inputs: tuple[Any, ...], samples: int) -> list[list[float]]:
    """Seconds of each model's call, by turns; the first turn does not count."""
    times: list[list[float]] = [[] for _ in models]
    for turn in range(samples + 1):
        for model, seconds in zip(models, times, strict=True):
            with evaluating(model), no_grad():
                start = time.perf_counter()
                model(*inputs)
                if turn:
                    seconds.append(time.perf_counter() - start)
    return times


def _with_times(variant: Variant, seconds: list[float]) -> Variant:
    low, middle, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return replace(variant, seconds=middle, low=low, high=high)


def _cells(row: Variant, first: Variant) -> list[str]:
    if row.refused:
        return [row.name, *["–"] * 7]
    shares = (
        f"{ours / theirs:.3f}" if theirs else "–"
        for ours, theirs in (
            (row.bytes_memory, first.bytes_memory),
            (row.bytes_disk, first.bytes_disk),
            (row.parameters, first.parameters),
            (row.flops, first.flops),
            (row.seconds, first.seconds),
        )
    )
    spread = f"{row.low / first.seconds:.3f}–{row.high / first.seconds:.3f}"
    return [row.name, f"{row.quality:.4g}", *shares, spread]
