"""tt_nn: modules, layers, losses, optimizers and training, with PyTorch's names."""

from . import functional, init, optim, training, utils
from .containers import ModuleDict, ModuleList, ParameterList, Sequential
from .layers.activation import (
    ELU,
    GELU,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from .layers.attention import MultiheadAttention
from .layers.batch_norm import BatchNorm1d, BatchNorm2d, GroupNorm
from .layers.convolution import Conv1d, Conv2d
from .layers.dropout import Dropout, Dropout2d
from .layers.embedding import Embedding
from .layers.linear import Flatten, Identity, Linear
from .layers.loss import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)
from .layers.normalization import LayerNorm, RMSNorm
from .layers.pooling import (
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    AvgPool2d,
    MaxPool1d,
    MaxPool2d,
)
from .layers.rotary import RotaryEmbedding
from .layers.swiglu import SwiGLU
from .module import Module
from .parameter import Parameter
from .serialization import load, save

__version__ = "0.1.0+tt"

__all__ = [
    "ELU",
    "GELU",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool2d",
    "AvgPool2d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv1d",
    "Conv2d",
    "CrossEntropyLoss",
    "Dropout",
    "Dropout2d",
    "Embedding",
    "Flatten",
    "GroupNorm",
    "HuberLoss",
    "Identity",
    "KLDivLoss",
    "L1Loss",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "MSELoss",
    "MaxPool1d",
    "MaxPool2d",
    "Module",
    "ModuleDict",
    "ModuleList",
    "MultiheadAttention",
    "NLLLoss",
    "Parameter",
    "ParameterList",
    "RMSNorm",
    "ReLU",
    "RotaryEmbedding",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "Softmax",
    "Softplus",
    "SwiGLU",
    "Tanh",
    "functional",
    "init",
    "load",
    "optim",
    "save",
    "training",
    "utils",
]
