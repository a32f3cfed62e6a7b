"""tt_optimize: measure where time and memory go, and spend less of both."""

from .flops import count_flops, flops
from .kv_cache import KVCache
from .profiler import OpStats, Profile, Profiler, profile
from .quantize import (
    QuantizedEmbedding,
    QuantizedLinear,
    dequantize_tensor,
    quantize,
    quantize_tensor,
)
from .size import size_of

__version__ = "0.1.0+tt"

__all__ = [
    "KVCache",
    "OpStats",
    "Profile",
    "Profiler",
    "QuantizedEmbedding",
    "QuantizedLinear",
    "count_flops",
    "dequantize_tensor",
    "flops",
    "profile",
    "quantize",
    "quantize_tensor",
    "size_of",
]
