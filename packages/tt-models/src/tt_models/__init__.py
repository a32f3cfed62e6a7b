"""tt_models: the models of history, built from tt-nn's layers."""

from .cache import Cache
from .cnn import CNN
from .config import GPTConfig
from .generate import generate, generate_stream
from .gpt import GPT
from .lenet import LeNet5
from .mlp import MLP
from .perceptron import Perceptron

__version__ = "0.1.0+tt"

__all__ = [
    "CNN",
    "GPT",
    "MLP",
    "Cache",
    "GPTConfig",
    "LeNet5",
    "Perceptron",
    "generate",
    "generate_stream",
]
