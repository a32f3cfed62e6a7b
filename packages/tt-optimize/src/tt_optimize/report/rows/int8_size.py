"""The bytes of int8 weights, in memory and in the file."""

from __future__ import annotations

import io

from tt_models import CNN, GPT, GPTConfig
from tt_nn import Module, save

from ...quantize import quantize
from ...size import size_of
from ..models import WIDTHS
from ..outcome import Goal, Outcome, Setting

__all__ = ["run"]

GOAL = Goal(0.27, aim=0.26, kind="at most")
TALKER = GPTConfig(vocab_size=512, block_size=64, n_layer=4, n_head=4, n_embd=128)


def run(setting: Setting) -> list[Outcome]:
    """Of the GPT that learns TinyTalks, and of the digits CNN. Any weights take as many bytes."""
    models = {"GPT d128 L4": GPT(TALKER), "digits CNN": CNN(in_channels=1, widths=WIDTHS)}
    outcomes = []
    for name, model in models.items():
        small = quantize(model, scheme="weight_only", bits=8)
        memory, disk = (size_of(small), size_of(model)), (_file(small), _file(model))
        for place, (ours, theirs) in {"in memory": memory, "on disk": disk}.items():
            what, on = f"int8 / float32 bytes {place}, {name}", f"{ours:,} / {theirs:,} bytes"
            # of a small model's file, the names of its tensors are a part that stays as it is
            goal = GOAL if place == "in memory" or theirs > 1e6 else None
            outcomes.append(Outcome(what, ours / theirs, "share", on, goal, quick=setting.quick))
    return outcomes


def _file(model: Module) -> int:
    """The bytes that ``save`` writes."""
    file = io.BytesIO()
    save(model.state_dict(), file)
    return file.tell()
