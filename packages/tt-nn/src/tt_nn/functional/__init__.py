"""The functions behind the layers, usually imported as F."""

from .activation import elu, leaky_relu, relu, sigmoid, silu, softplus, tanh
from .attention import scaled_dot_product_attention
from .average_pooling import adaptive_avg_pool2d, avg_pool2d
from .batch_norm import batch_norm
from .binary_cross_entropy import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    logsigmoid,
)
from .convolution import conv1d, conv2d
from .cross_entropy import cross_entropy, nll_loss
from .dropout import dropout, dropout2d
from .embedding import embedding, one_hot
from .gelu import gelu
from .group_norm import group_norm
from .linear import linear
from .loss import huber_loss, kl_div, l1_loss, mse_loss, smooth_l1_loss
from .max_pooling import adaptive_max_pool2d, max_pool1d, max_pool2d
from .normalization import cosine_similarity, layer_norm, normalize, rms_norm
from .padding import pad
from .softmax import log_softmax, softmax

__all__ = [
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "avg_pool2d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv1d",
    "conv2d",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "dropout2d",
    "elu",
    "embedding",
    "gelu",
    "group_norm",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
    "max_pool1d",
    "max_pool2d",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "relu",
    "rms_norm",
    "scaled_dot_product_attention",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softplus",
    "tanh",
]
