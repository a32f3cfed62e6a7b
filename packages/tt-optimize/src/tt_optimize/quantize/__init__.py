"""Fewer bits a number: int8, int4 and float16 in the place of float32.

A weight needs far fewer bits to do its work than it needs to be learned. Kept as 8-bit integers, a
model is a quarter as large, in memory and on disk; with 4 bits a seventh. What it costs is a small
error in each number, which this package lets you choose, measure and bound:

==================  ==================================================================
``affine.py``       a float as an integer: scale and zero point
``observers.py``    which range the integers should cover: all values, or most of them
``integer.py``      products of integers, exact
``int4.py``         two integers in a byte
``half.py``         float16 to store with
``layers/``         layers that hold integers
``schemes.py``      ``quantize``: which layers become which
``calibration.py``  the ranges of activations, measured by running the model
``report.py``       what a model's layers hold, and what was left in float
``grad_scaler.py``  float16 in training: gradients too small for it are scaled
``mixed.py``        float16 in training: weights that are learned in float32
==================  ==================================================================
"""

from .affine import (
    dequantize_tensor,
    quantize_tensor,
    scale_and_zero_point,
    symmetric_scale,
)
from .grad_scaler import GradScaler
from .integer import int8_conv2d, int8_matmul
from .layers.conv import QuantizedConv2d
from .layers.embedding import QuantizedEmbedding
from .layers.linear import QuantizedLinear
from .layers.packed import (
    HalfConv2d,
    HalfEmbedding,
    HalfLinear,
    Int4Conv2d,
    Int4Embedding,
    Int4Linear,
)
from .mixed import MasterWeights
from .observers import MinMaxObserver, MSEObserver, PercentileObserver
from .report import QuantizationReport, quantization_report
from .schemes import quantize

__all__ = [
    "GradScaler",
    "HalfConv2d",
    "HalfEmbedding",
    "HalfLinear",
    "Int4Conv2d",
    "Int4Embedding",
    "Int4Linear",
    "MSEObserver",
    "MasterWeights",
    "MinMaxObserver",
    "PercentileObserver",
    "QuantizationReport",
    "QuantizedConv2d",
    "QuantizedEmbedding",
    "QuantizedLinear",
    "dequantize_tensor",
    "int8_conv2d",
    "int8_matmul",
    "quantization_report",
    "quantize",
    "quantize_tensor",
    "scale_and_zero_point",
    "symmetric_scale",
]
