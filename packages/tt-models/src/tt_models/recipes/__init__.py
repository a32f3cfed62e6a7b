"""Recipes: how models that are known to learn are trained, for whoever needs a trained one.

The data are handed in: nothing here reads a file. ``gpt`` has what every GPT is trained with,
``tinytalks`` how one learns to answer questions, ``digits`` how a classifier of images learns.
"""

from . import digits, gpt, tinytalks

__all__ = ["digits", "gpt", "tinytalks"]
