"""Layers that hold integers, or float16, in the place of float32 weights."""
