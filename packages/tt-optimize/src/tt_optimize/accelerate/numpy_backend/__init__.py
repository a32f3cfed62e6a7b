"""The backend that needs nothing but NumPy."""

from .build import build

__all__ = ["build"]
