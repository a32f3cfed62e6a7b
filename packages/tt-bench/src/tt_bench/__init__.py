"""tt_bench: measuring speed, memory and accuracy so that the numbers can be trusted."""

from . import peers
from .benchmark import Benchmark
from .clock import LEAST, WALL, clock_resolution
from .comparison import Comparison, compare, compare_seconds
from .energy import Energy, measure_energy
from .entries import EntryFolder, EntryProcess, Foul, Limits, write_entry
from .entry import Entry, Queries, exact_match, in_batches
from .events import OlympicEvent, Rules
from .fresh_process import ResidentMemory, measure_peak_rss
from .judge import Olympics
from .machine import Machine
from .measured import Disqualification, Measured
from .memory import PeakMemory, disk_bytes, held_arrays, held_bytes, measure_peak
from .olympic_results import OlympicResults
from .page import Page
from .pairs import sign_test, superiority
from .plots import draw_latencies, draw_pareto, pareto_front, plot_pareto
from .records import PersonalBest, keep_records, read_records, records_table
from .reports import add_olympics, olympics_page, suite_page
from .resampling import Interval, bootstrap_median, bootstrap_ratio, outliers, quartiles
from .result import BenchmarkResult
from .standings import Standing
from .strategies import ablation_table, combinations, write_gpt_entry
from .suite import BenchmarkSuite
from .tables import Table

__version__ = "0.1.0+tt"

__all__ = [
    "LEAST",
    "WALL",
    "Benchmark",
    "BenchmarkResult",
    "BenchmarkSuite",
    "Comparison",
    "Disqualification",
    "Energy",
    "Entry",
    "EntryFolder",
    "EntryProcess",
    "Foul",
    "Interval",
    "Limits",
    "Machine",
    "Measured",
    "OlympicEvent",
    "OlympicResults",
    "Olympics",
    "Page",
    "PeakMemory",
    "PersonalBest",
    "Queries",
    "ResidentMemory",
    "Rules",
    "Standing",
    "Table",
    "ablation_table",
    "add_olympics",
    "bootstrap_median",
    "bootstrap_ratio",
    "clock_resolution",
    "combinations",
    "compare",
    "compare_seconds",
    "disk_bytes",
    "draw_latencies",
    "draw_pareto",
    "exact_match",
    "held_arrays",
    "held_bytes",
    "in_batches",
    "keep_records",
    "measure_energy",
    "measure_peak",
    "measure_peak_rss",
    "olympics_page",
    "outliers",
    "pareto_front",
    "peers",
    "plot_pareto",
    "quartiles",
    "read_records",
    "records_table",
    "sign_test",
    "suite_page",
    "superiority",
    "write_entry",
    "write_gpt_entry",
]
