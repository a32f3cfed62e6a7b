"""What a checkpoint holds, and how training goes on from it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tt_tensor import set_rng_state

from ..serialization import load
from .callback import Callback
from .position import Boundary, EpochStart, Position, buffers_of

if TYPE_CHECKING:
    from .trainer import Trainer

__all__ = ["load_trainer", "open_checkpoint", "trainer_state"]

VERSION = 1
PARTS = {"model", "optimizer", "scheduler", "rng", "start", "position", "history", "callbacks"}


def trainer_state(trainer: Trainer) -> dict[str, Any]:
    """All that decides how training goes on, in tensors and plain values."""
    boundary, scheduler = trainer.boundary, trainer.scheduler
    return {
        "checkpoint": VERSION,
        "model": dict(trainer.model.state_dict()),
        "optimizer": trainer.optimizer.state_dict(),
        "scheduler": None if scheduler is None else scheduler.state_dict(),
        "rng": boundary.rng,
        "start": {"rng": boundary.start.rng, "loader": boundary.start.loader},
        "position": asdict(boundary.position),
        "history": trainer.history.state_dict(),
        "callbacks": {name: c.state_dict() for name, c in _named_callbacks(trainer)},
    }


def open_checkpoint(trainer: Trainer, resume: Any) -> dict[str, Any] | None:
    """The content of the trainer's checkpoint (None if there is none yet) or of a given file.

    Raises:
        ValueError: there is nowhere to look, or the file is not a checkpoint.
    """
    if resume is True:
        if trainer.checkpoint is None:
            raise ValueError("resume=True expects Trainer(..., checkpoint=folder), got none")
        path = trainer.checkpoint.last_file
        if not path.exists():
            return None
    else:
        path = Path(resume)
    state = load(path)
    if not isinstance(state, dict) or state.get("checkpoint") != VERSION or PARTS - set(state):
        got = ", ".join(map(str, list(state)[:6])) if isinstance(state, dict) else type(state)
        raise ValueError(
            f"{path}: expected a Trainer's checkpoint, version {VERSION}; got a file with {got}. "
            "help: weights alone go into model.load_state_dict(tt_nn.load(path))"
        )
    return state


def load_trainer(trainer: Trainer, state: Mapping[str, Any], loader: Any = None) -> None:
    """Take over the state of a checkpoint.

    Raises:
        ValueError: it belongs to another model, optimizer or schedule; those are as they were then.
    """
    before = copy.deepcopy((dict(trainer.model.state_dict()), trainer.optimizer.state_dict()))
    try:
        _load_learned(trainer, state)
        trainer.history.load_state_dict(state["history"])
        for name, callback in _named_callbacks(trainer):
            if name in state["callbacks"]:
                callback.load_state_dict(state["callbacks"][name])
        if state["start"]["loader"] is not None and loader is not None:
            loader.load_state_dict(copy.deepcopy(state["start"]["loader"]))
        trainer.position = Position(**state["position"])
        trainer.start = EpochStart(state["start"]["rng"], state["start"]["loader"])
        set_rng_state(state["rng"])
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        trainer.model.load_state_dict(before[0])
        trainer.optimizer.load_state_dict(before[1])
        raise ValueError(
            f"the checkpoint does not fit this training: {error}. help: build model, optimizer, "
            "schedule and loader as when it was written"
        ) from error
    trainer.boundary = Boundary.here(trainer.position, trainer.start, buffers_of(trainer.model))


def _load_learned(trainer: Trainer, state: Mapping[str, Any]) -> None:
    """Weights, the optimizer's memory, the schedule's place."""
    if (state["scheduler"] is None) != (trainer.scheduler is None):
        has = "no schedule" if state["scheduler"] is None else "a schedule"
        raise ValueError(f"it has {has}, the Trainer has {'none' if has[0] == 'a' else 'one'}")
    trainer.model.load_state_dict(state["model"])
    trainer.optimizer.load_state_dict(state["optimizer"])
    if trainer.scheduler is not None:
        trainer.scheduler.load_state_dict(state["scheduler"])


def _named_callbacks(trainer: Trainer) -> Iterator[tuple[str, Callback]]:
    """Every callback with its class and number as name."""
    everyone = [*trainer.callbacks, *([trainer.checkpoint] if trainer.checkpoint else [])]
    seen: dict[str, int] = {}
    for callback in everyone:
        kind = type(callback).__name__
        seen[kind] = seen.get(kind, 0) + 1
        yield f"{kind}.{seen[kind]}", callback
