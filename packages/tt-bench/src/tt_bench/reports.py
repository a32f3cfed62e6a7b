"""What was found as pages: tables, drawings where matplotlib is installed, and all raw data."""

from __future__ import annotations

import importlib.util

from .events import OlympicEvent
from .olympic_results import OlympicResults
from .page import Page
from .plots import draw_latencies, draw_pareto
from .standard import SuiteResults

__all__ = ["add_olympics", "olympics_page", "suite_page"]

NO_DRAWINGS = "Drawings need the package matplotlib, which was not installed when this was written."


def olympics_page(results: OlympicResults, title: str = "The TorchPerf Olympics") -> Page:
    """The games as a page of their own."""
    page = Page(
        title, "Every figure here was measured by the judge in one run, and none was given."
    )
    add_olympics(page, results)
    return page


def add_olympics(page: Page, results: OlympicResults) -> None:
    """The games as sections of a page: measurements and podium first, then event by event."""
    page.add_table(results.podium())
    page.add_table(results.measurements_table())
    if importlib.util.find_spec("matplotlib") is None:
        page.add_text("Drawings", NO_DRAWINGS)
    else:
        page.add_plot(
            "The Pareto front",
            draw_pareto(results),
            "Accuracy against median latency of each entry, with its 95 % confidence interval; the "
            "area is its memory. Whoever is on the dashed line is beaten by nobody in both.",
        )
        page.add_plot("Latencies", draw_latencies(results), "Every timed query of every entry.")
    for event in OlympicEvent:
        page.add_table(results.event_table(event))
    if results.disqualified:
        page.add_table(results.disqualifications_table())
    page.add_data("All that the judge measured", results.to_json())


def suite_page(results: SuiteResults, title: str = "The standard suite") -> Page:
    """The standard suite as a page."""
    page = Page(title, "Every figure here was measured in one run.")
    page.add_table(results.table())
    page.add_data("All that was measured", results.to_json())
    return page
