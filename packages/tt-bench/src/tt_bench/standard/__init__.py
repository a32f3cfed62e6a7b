"""The standard suite: fixed tasks on bundled data, each with a quality to hold and ways to be used.

In the spirit of MLPerf Inference (Reddi et al. 2020): a task fixes data, reference model and
quality; a scenario fixes how queries arrive; an entry may do anything that keeps the quality.
"""

from .run import DIVISIONS, SuiteResults, TaskResult, run_suite
from .scenarios import Offline, Server, SingleStream, offline, server, single_stream
from .tasks import TASKS, Task, find_task

__all__ = [
    "DIVISIONS",
    "TASKS",
    "Offline",
    "Server",
    "SingleStream",
    "SuiteResults",
    "Task",
    "TaskResult",
    "find_task",
    "offline",
    "run_suite",
    "server",
    "single_stream",
]
