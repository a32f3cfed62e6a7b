"""Saving and loading objects made of tensors and plain values, as safetensors: never a pickle."""

from .files import load, save

__all__ = ["load", "save"]
