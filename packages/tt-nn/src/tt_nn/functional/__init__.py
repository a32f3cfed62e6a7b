"""The functions behind the layers, usually imported as F."""

from .activation import elu, leaky_relu, relu, sigmoid, silu, softplus, tanh
from .attention import scaled_dot_product_attention
from .binary_cross_entropy import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    logsigmoid,
)
from .cross_entropy import cross_entropy, nll_loss
from .dropout import dropout
from .embedding import embedding, one_hot
from .gelu import gelu
from .linear import linear
from .loss import huber_loss, kl_div, l1_loss, mse_loss, smooth_l1_loss
from .normalization import cosine_similarity, layer_norm, normalize, rms_norm
from .padding import pad
from .softmax import log_softmax, softmax

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_similarity",
    "cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "gelu",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "logsigmoid",
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
