"""The roofline as a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .roofline import Roofline, RooflinePoint

__all__ = ["apart", "plot_roofline"]

_LEADER = {"arrowstyle": "-", "color": "0.6", "linewidth": 0.7, "relpos": (0.0, 0.5)}
_EDGE: dict[str, Any] = {"edgecolors": (0.1, 0.2, 0.4), "linewidths": 1.5}
_FILL = (0.2, 0.4, 0.7, 0.55)
_LOOKS: dict[str, dict[str, Any]] = {  # told apart without colours, too
    "forward": {"marker": "o", "facecolors": _FILL, **_EDGE},
    "backward": {"marker": "o", "facecolors": "none", **_EDGE},
    "both": {"marker": "s", "facecolors": _FILL, **_EDGE},
}


def plot_roofline(found: Roofline, path: str | Path, rows: int = 12) -> None:
    """Draw the roof and the operations that take the most time.

    Across: FLOPs a byte. Up: GFLOP/s. A disc's area is the time: full forward, empty backward, a
    square both. The names stand in a column, so that none covers another. Operations without FLOPs,
    such as copies, have no place on a logarithmic axis and are left out.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: there is no operation to draw.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            "Roofline.plot draws with the package matplotlib: pip install matplotlib"
        ) from error

    points = [point for point in found.points if point.flops][:rows]
    if not points:
        raise ValueError("Roofline.plot: expected operations with FLOPs, got none")
    top = found.ceilings
    low = min(0.05, *(p.intensity / 2 for p in points))
    high = max(100.0, 4 * top.ridge, *(2 * p.intensity for p in points))
    bottom = min(top.roof(low), *(p.flops_per_second for p in points)) / 2e9
    ceiling = max(top.flops_per_second, *(p.flops_per_second for p in points)) * 2.5 / 1e9

    figure = Figure(figsize=(10, 5.5), layout="constrained")
    axes = figure.subplots()
    slopes = (
        ("-", top.bytes_per_second, f"memory, {top.bytes_per_second / 1e9:.1f} GB/s"),
        ("--", top.cache_bytes_per_second, f"cache, {top.cache_bytes_per_second / 1e9:.0f} GB/s"),
    )
    for style, bandwidth, label in slopes:
        ridge = top.flops_per_second / bandwidth
        across = [low, max(ridge, low), high]
        up = [min(top.flops_per_second, x * bandwidth) / 1e9 for x in across]
        axes.plot(across, up, style, color="black", linewidth=1.5, label=label)
    peak = f"peak {top.flops_per_second / 1e9:.0f} GFLOP/s, float32 products"
    axes.text(high / 1.1, top.flops_per_second * 1.08 / 1e9, peak, ha="right", va="bottom")
    most = max(p.seconds for p in points)
    for p in points:
        area = 20 + 380 * p.seconds / most
        axes.scatter(p.intensity, p.flops_per_second / 1e9, s=area, zorder=3, **_LOOKS[p.phase])
    for phase in sorted({p.phase for p in points}, reverse=True):
        label = "forward and backward" if phase == "both" else phase
        axes.scatter([], [], s=60, label=label, **_LOOKS[phase])
    axes.set(
        xscale="log",
        yscale="log",
        xlim=(low, high),
        ylim=(bottom, ceiling),
        xlabel="arithmetic intensity, FLOP per byte of inputs and results",
        ylabel="reached, GFLOP/s",
    )
    axes.grid(which="major", color="0.9")
    axes.legend(loc="upper left", frameon=False)
    _name(axes, points, math.log(bottom), math.log(ceiling))
    figure.savefig(path, dpi=120)


def _name(axes: Any, points: Sequence[RooflinePoint], low: float, high: float) -> None:
    """Each point's name in a column to the right, joined to it by a thin line."""
    points = sorted(points, key=lambda p: p.flops_per_second)
    axes.text(1.03, 1.0, "operation, share of its roof", transform=axes.transAxes, weight="bold")
    wanted = [(math.log(p.flops_per_second / 1e9) - low) / (high - low) for p in points]
    for p, height in zip(points, apart(wanted, gap=0.055, top=0.95), strict=True):
        phase = "" if p.phase == "both" else f" {p.phase}"
        axes.annotate(
            f"{p.name}{phase}, {p.share:.0%}",
            (p.intensity, p.flops_per_second / 1e9),
            xytext=(1.03, height),
            textcoords="axes fraction",
            va="center",
            fontsize=9,
            annotation_clip=False,
            arrowprops=_LEADER,
        )


def apart(heights: Sequence[float], gap: float, top: float = 1.0) -> list[float]:
    """Ascending heights moved so that neighbours are at least ``gap`` apart, from 0 to ``top`` if
    they fit.

    >>> [round(h, 2) for h in apart([0.5, 0.5, 0.9, 0.95], gap=0.1)]
    [0.5, 0.6, 0.9, 1.0]
    """
    placed: list[float] = []
    for height in heights:
        placed.append(max(height, placed[-1] + gap) if placed else max(height, 0.0))
    limit = top
    for i in range(len(placed) - 1, -1, -1):
        placed[i] = min(placed[i], limit)
        limit = placed[i] - gap
    return placed
