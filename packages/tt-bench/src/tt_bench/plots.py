"""A picture of the trade: accuracy against latency, with memory as area."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .measured import Measured
from .olympic_results import OlympicResults
from .units import show_bytes

__all__ = ["pareto_front", "plot_pareto"]


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
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import LogFormatter
    except ImportError as error:
        raise ImportError(
            "plot_pareto draws with the package matplotlib: pip install matplotlib"
        ) from error

    largest = max(one.memory_bytes for one in results.measured)
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for one in results.measured:
        across, up = 1000 * one.latency_seconds, 100 * one.accuracy
        low, high = one.latency_interval_seconds
        axes.hlines(up, 1000 * low, 1000 * high, color="0.5")
        axes.scatter(across, up, s=1500 * one.memory_bytes / largest, alpha=0.6)
        label = f"{one.entry}, {show_bytes(one.memory_bytes)}"
        axes.annotate(label, (across, up), xytext=(6, 6), textcoords="offset points")
    front = pareto_front(results.measured)
    axes.plot(
        [1000 * one.latency_seconds for one in front],
        [100 * one.accuracy for one in front],
        color="0.3",
        linestyle="--",
        label="Pareto front",
    )
    axes.set(xscale="log", xlabel="median latency, ms", ylabel="accuracy, %")
    axes.xaxis.set_major_formatter(LogFormatter())
    axes.xaxis.set_minor_formatter(LogFormatter(minor_thresholds=(2, 0.5)))
    axes.margins(x=0.25, y=0.15)
    axes.legend(loc="lower right")
    figure.savefig(path)
