"""The report as one HTML file: curves, exam, profile, roofline, podium, tables and all raw data.

Drawings need the package matplotlib; without it there are curves made of characters.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboard import curve

from tt_bench import Page, add_olympics

if TYPE_CHECKING:
    from report import Findings, Learned

__all__ = ["build_page"]

SMOOTHED = 40  # a curve is that of the mean over so small a part of the steps


def build_page(found: Findings, folder: Path) -> Page:
    """The page; the roofline is drawn into the folder, too."""
    drawing = importlib.util.find_spec("matplotlib") is not None
    page = Page("TinyGPT and the TorchPerf Olympics", found.lead())
    claimed = "\n".join(map(str, found.claims)) or "A quick run claims nothing."
    page.add_output("What was claimed", claimed)
    page.add_text("Training", *(one.line(name) for name, one in found.learned.items()))
    trained = {name: one for name, one in found.learned.items() if one.losses}
    if trained and drawing:
        caption = (
            f"The loss of every step, and its mean over a {SMOOTHED}th of all; below, the rate. A "
            "taught model's loss has its teacher's part in it: compare the forms, not the levels."
        )
        page.add_plot("Losses and learning rates", draw_training(trained), caption)
    else:
        for name, one in trained.items():
            page.add_output(f"The loss of the {name}", "\n".join(curve(one.losses, 96, 10)))
    page.add_table(found.answers_table())
    page.add_table(found.exam_table())
    page.add_output("Where a training step of the teacher spends its time", found.profiled.text())
    if drawing:
        page.add_plot(
            "The roofline",
            draw_roofline(found, folder / "roofline.svg"),
            "Each operation of that step under the two ceilings of this machine: what the memory "
            "delivers (the slope) and what the processor computes (the level).",
        )
    page.add_table(found.weights)
    page.add_table(found.bought)
    add_olympics(page, found.olympics)
    page.add_data("All that this run found: losses, exam, profile, latencies", found.to_json())
    return page


def draw_training(learned: Mapping[str, Learned]) -> str:
    """Losses and learning rates, a column for each model; as an SVG text."""
    import matplotlib
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    axes: Any = figure.subplots(2, len(learned), squeeze=False, height_ratios=[3, 1], sharex="col")
    for column, (name, one) in enumerate(learned.items()):
        loss, rate = axes[0][column], axes[1][column]
        loss.plot(one.losses, color="#7fb2e5", linewidth=0.5)
        wide = max(1, len(one.losses) // SMOOTHED)
        mean = [_mean(one.losses[max(0, i - wide) : i + 1]) for i in range(len(one.losses))]
        loss.plot(mean, color="#1d2530", linewidth=1.4)
        loss.set(yscale="log", title=f"{name}, {one.parameters:,} parameters")
        rate.plot(one.rates, color="#0b6bcb")
        rate.set(xlabel="step")
        for each in (loss, rate):
            each.grid(color="0.9")
            each.set_axisbelow(True)
    axes[0][0].set(ylabel="loss")
    axes[1][0].set(ylabel="rate")
    file = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "capstone"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def draw_roofline(found: Findings, path: Path) -> str:
    """The roofline's drawing as text; it stays in the file."""
    import matplotlib

    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "capstone"}):
        found.profiled.roofline.plot(path)
    return path.read_text(encoding="utf-8")


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
