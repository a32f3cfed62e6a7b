"""What the report measures, a file for each row."""

from ..outcome import Row
from . import (
    decode,
    distillation,
    int8_accuracy,
    int8_product,
    int8_size,
    kv_cache,
    low_rank,
    pruning,
    train_step,
)

__all__ = ["ROWS"]

ROWS = (
    Row("kv-cache", kv_cache.run),
    Row("decode-d128", decode.run_small),
    Row("decode-d384", decode.run_large),
    Row("train-step", train_step.run),
    Row("int8-size", int8_size.run),
    Row("int8-accuracy", int8_accuracy.run, one_thread=False),
    Row("pruning", pruning.run),
    Row("distillation", distillation.run),
    Row("low-rank", low_rank.run),
    Row("int8-product", int8_product.run),
)
