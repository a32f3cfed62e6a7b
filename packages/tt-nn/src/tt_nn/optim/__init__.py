"""Optimizers and learning-rate schedules, under PyTorch's names."""

from . import lr_scheduler
from .adam import Adam, AdamW, adam_update
from .optimizer import Optimizer
from .sgd import SGD, sgd_update

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "adam_update", "lr_scheduler", "sgd_update"]
