"""tt_models: the models of history, built from tt-nn's layers."""

from .cache import Cache
from .config import GPTConfig
from .generate import generate, generate_stream
from .gpt import GPT
from .mlp import MLP
from .perceptron import Perceptron

__version__ = "0.1.0+tt"

__all__ = [
    "GPT",
    "MLP",
    "Cache",
    "GPTConfig",
    "Perceptron",
    "generate",
    "generate_stream",
]
