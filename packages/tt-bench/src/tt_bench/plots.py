"""Pictures of what the games found: the trade between accuracy, speed and size, and all latencies.

matplotlib draws them, if it is installed (`pip install matplotlib`); nothing else here needs it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .measured import Measured
from .olympic_results import OlympicResults
from .units import show_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw_latencies", "draw_pareto", "pareto_front", "plot_pareto"]


def pareto_front(measured: Sequence[Measured]) -> list[Measured]:
    """Those that no other beats in both latency and accuracy, the fastest first.

    One beats another if it is no slower and no less accurate, and better in one of the two.
    """
    front: list[Measured] = []
    for one in sorted(measured, key=lambda one: (one.latency_seconds, -one.accuracy)):
        if not front or one.accuracy > front[-1].accuracy:
            front.append(one)
    return front


def plot_pareto(results: OlympicResults, path: str | Path) -> None:
    """Draw every entry of the Olympics into a file; its suffix says which kind (svg, png, pdf).

    Across: median latency, logarithmic, with its 95 % confidence interval. Up: accuracy. The area
    of a circle is the entry's memory. The line joins the entries of the Pareto front.

    Raises:
        ImportError: matplotlib is not installed.
    """
    _pareto(results).savefig(path)


def draw_pareto(results: OlympicResults) -> str:
    """The same as an SVG text, for a ``Page``."""
    return _svg(_pareto(results))


def draw_latencies(results: OlympicResults) -> str:
    """Every latency of every entry as a point, the medians as lines; as an SVG text.

    Raises:
        ImportError: matplotlib is not installed.
    """
    measured = sorted(results.measured, key=lambda one: -one.latency_seconds)
    figure = _figure(8, 0.7 + 0.33 * len(measured))
    axes = figure.subplots()
    generator = np.random.default_rng(0)
    for height, one in enumerate(measured):
        seconds = 1000 * np.asarray(one.latencies_seconds)
        spread = height + generator.uniform(-0.22, 0.22, len(seconds))
        axes.scatter(seconds, spread, s=7, color="#0b6bcb", alpha=0.35, linewidths=0)
        middle = 1000 * one.latency_seconds
        axes.vlines(middle, height - 0.36, height + 0.36, color="#1d2530", linewidth=2)
    axes.set_yticks(range(len(measured)), [_plain(one.entry) for one in measured])
    _label_milliseconds(axes, "latency of each query, ms; lines are medians")
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    return _svg(figure)


def _pareto(results: OlympicResults) -> Figure:
    front = pareto_front(results.measured)
    # with many entries only those are named that nobody beats
    few = len(results.measured) <= 10
    named = results.measured if few else [results.baseline, *front]
    largest = max(one.memory_bytes for one in results.measured)
    figure = _figure(9, 5)
    axes = figure.subplots()
    axes.plot(
        [1000 * one.latency_seconds for one in front],
        [100 * one.accuracy for one in front],
        color="0.3",
        linestyle="--",
        label="Pareto front",
    )
    for one in results.measured:
        across, up = 1000 * one.latency_seconds, 100 * one.accuracy
        low, high = one.latency_interval_seconds
        axes.hlines(up, 1000 * low, 1000 * high, color="0.5")
        area = 60 + 1500 * one.memory_bytes / largest
        color = "#7fb2e5" if one in front else "0.8"
        axes.scatter(across, up, s=area, alpha=0.7, color=color, edgecolors="0.25", linewidths=0.8)
    for number, one in enumerate(sorted(set(named), key=lambda one: one.latency_seconds), 1):
        point = 1000 * one.latency_seconds, 100 * one.accuracy
        axes.annotate(str(number), point, ha="center", va="center", fontsize=8, weight="bold")
        axes.plot(
            [], [], " ", label=f"{number}  {_plain(one.entry)}, {show_bytes(one.memory_bytes)}"
        )
    axes.set_ylabel("accuracy, %")
    _label_milliseconds(axes, "median latency, ms; area: memory")
    axes.margins(x=0.15, y=0.2)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=9)
    return figure


def _plain(name: str) -> str:
    """The name as it is: between dollars matplotlib would read a formula."""
    return name.replace("$", r"\$")


def _label_milliseconds(axes: Any, label: str) -> None:
    """A logarithmic axis with plain numbers."""
    from matplotlib.ticker import LogFormatter

    axes.set(xscale="log", xlabel=label)
    axes.xaxis.set_major_formatter(LogFormatter())
    axes.xaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))


def _figure(width: float, height: float) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("drawing needs the package matplotlib: pip install matplotlib") from error
    return Figure(figsize=(width, height), layout="constrained")


def _svg(figure: Figure) -> str:
    """The drawing as text; letters stay letters, and the same data give the same text."""
    import matplotlib

    file = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "tt-bench"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()
