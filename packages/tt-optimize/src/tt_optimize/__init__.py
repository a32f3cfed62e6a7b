"""tt_optimize: measure where time and memory go, and spend less of both."""

from .ablation import Ablation, Variant
from .accelerate import accelerate
from .accelerate.optim import FusedAdam, FusedAdamW
from .backward_flops import count_backward_flops
from .ceilings import Ceilings, measure_ceilings
from .distill import distill, distillation_loss
from .flops import count_flops, flops
from .fold import fold_batch_norm
from .kv_cache import KVCache
from .low_rank import low_rank, singular_values
from .memory import keep_memory
from .pipeline import Pipeline, finetune
from .profiler import ModuleStats, OpStats, Profile, Profiler, profile, speedup
from .prune import (
    GradualPruning,
    KeepPruned,
    cubic_sparsity,
    dense_state,
    prune,
    sparse_state,
    sparsity,
)
from .quantize import (
    GradScaler,
    MasterWeights,
    QuantizationReport,
    QuantizedConv2d,
    QuantizedEmbedding,
    QuantizedLinear,
    dequantize_tensor,
    int8_matmul,
    quantization_report,
    quantize,
    quantize_tensor,
)
from .replace import replace_layers
from .roofline import Roofline, RooflinePoint, roofline
from .size import size_of
from .technique import Step, Technique, technique

__version__ = "0.1.0+tt"

__all__ = [
    "Ablation",
    "Ceilings",
    "FusedAdam",
    "FusedAdamW",
    "GradScaler",
    "GradualPruning",
    "KVCache",
    "KeepPruned",
    "MasterWeights",
    "ModuleStats",
    "OpStats",
    "Pipeline",
    "Profile",
    "Profiler",
    "QuantizationReport",
    "QuantizedConv2d",
    "QuantizedEmbedding",
    "QuantizedLinear",
    "Roofline",
    "RooflinePoint",
    "Step",
    "Technique",
    "Variant",
    "accelerate",
    "count_backward_flops",
    "count_flops",
    "cubic_sparsity",
    "dense_state",
    "dequantize_tensor",
    "distill",
    "distillation_loss",
    "finetune",
    "flops",
    "fold_batch_norm",
    "int8_matmul",
    "keep_memory",
    "low_rank",
    "measure_ceilings",
    "profile",
    "prune",
    "quantization_report",
    "quantize",
    "quantize_tensor",
    "replace_layers",
    "roofline",
    "singular_values",
    "size_of",
    "sparse_state",
    "sparsity",
    "speedup",
    "technique",
]
