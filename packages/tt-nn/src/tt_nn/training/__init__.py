"""Training: the loop, and everything that watches it."""

from .callback import Callback
from .checkpoint import Checkpoint
from .early_stopping import EarlyStopping
from .errors import NonFiniteLossError
from .history import History
from .metrics import accuracy
from .progress import Progress
from .trainer import Trainer

__all__ = [
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "History",
    "NonFiniteLossError",
    "Progress",
    "Trainer",
    "accuracy",
]
