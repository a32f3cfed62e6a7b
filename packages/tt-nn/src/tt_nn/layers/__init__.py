"""Layers: modules with parameters and equations."""
