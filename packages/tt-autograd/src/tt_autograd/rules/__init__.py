"""The gradient rules of tt-tensor's operations, registered by importing them."""

from . import elementwise, index, linalg, reduction, shape

__all__ = ["elementwise", "index", "linalg", "reduction", "shape"]
