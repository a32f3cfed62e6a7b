"""Where time and memory go: operations, gradient rules and modules, each timed where it runs."""

from .amdahl import speedup
from .profiler import Profiler, profile
from .result import Profile
from .stats import ModuleStats, OpStats

__all__ = ["ModuleStats", "OpStats", "Profile", "Profiler", "profile", "speedup"]
