"""Helpers for gradients and parameters, under PyTorch's names."""

from .clip import clip_grad_norm_, clip_grad_value_, gradient_norm
from .vector import parameters_to_vector, vector_to_parameters

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "gradient_norm",
    "parameters_to_vector",
    "vector_to_parameters",
]
