"""What every GPT is trained with: AdamW in two groups, and a learning rate that warms up and falls.

Source: Radford et al. 2018, §4.1; Karpathy's nanoGPT for the two groups.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from typing import Any

from tt_nn.optim import AdamW
from tt_nn.optim.lr_scheduler import LambdaLR
from tt_nn.training import Callback, Checkpoint, History, Trainer
from tt_tensor import Tensor

from ..gpt import GPT

__all__ = ["build_optimizer", "rate_factor", "train_gpt"]


def build_optimizer(
    model: GPT, lr: float, weight_decay: float = 0.1, betas: tuple[float, float] = (0.9, 0.98)
) -> AdamW:
    """AdamW; the weights of matrices decay, biases and layer norms do not.

    >>> from tt_models import GPTConfig
    >>> model = GPT(GPTConfig(vocab_size=11, block_size=8, n_layer=1, n_head=2, n_embd=16))
    >>> matrices, vectors = build_optimizer(model, lr=1e-3).param_groups
    >>> matrices["weight_decay"], vectors["weight_decay"]
    (0.1, 0.0)
    >>> {p.ndim for p in matrices["params"]}, {p.ndim for p in vectors["params"]}
    ({2}, {1})
    """
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return AdamW(groups, lr=lr, betas=betas)


def rate_factor(step: int, steps: int, last: float = 0.05) -> float:
    """The learning rate's factor: up over the first twentieth, then down a cosine to ``last``.

    Args:
        step: how many steps have been taken, from 0.
        steps: how many there are in all.

    >>> [round(rate_factor(step, 100), 2) for step in (0, 4, 5, 52, 100)]
    [0.2, 1.0, 1.0, 0.53, 0.05]
    """
    warmup = max(1, steps // 20)
    if step < warmup:
        return (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, steps - warmup))
    return last + (1 - last) * 0.5 * (1 + math.cos(math.pi * progress))


def train_gpt(
    model: GPT,
    batches: Any,
    epochs: int,
    lr: float,
    *,
    weight_decay: float = 0.1,
    betas: tuple[float, float] = (0.9, 0.98),
    last: float = 0.05,
    clip_norm: float | None = 1.0,
    loss_step: Callable[[Any, Any], Tensor] | None = None,
    callbacks: Iterable[Callback] = (),
    checkpoint: str | os.PathLike[str] | Checkpoint | None = None,
    resume: bool = False,
    progress: bool | None = None,
) -> History:
    """Train a GPT on batches (idx, targets), each (B, T).

    Args:
        batches: those of an epoch each time it is iterated over, and has a length: a list or a
            DataLoader.
        epochs: how often to go through them.
        lr: the largest learning rate; ``rate_factor`` says how it rises and falls.
        weight_decay: of the matrices.
        betas: AdamW's.
        last: what is left of it at the end.
        clip_norm: scale gradients down to this norm if theirs is larger.
        loss_step: ``loss_step(model, batch)`` in place of the model's own loss.
        callbacks: are told how training goes.
        checkpoint: a folder, or a Checkpoint, to resume from.
        resume: go on from the checkpoint, if there is one yet.
        progress: as for Trainer.

    Returns:
        The record of the training. The model is left in training mode.

    Raises:
        KeyboardInterrupt: on Ctrl-C, after the checkpoint was written.
        NonFiniteLossError: the loss became nan or infinite.

    >>> from tt_models import GPTConfig
    >>> from tt_tensor import manual_seed, tensor
    >>> _ = manual_seed(0)
    >>> model = GPT(GPTConfig(vocab_size=5, block_size=4, n_layer=1, n_head=2, n_embd=16))
    >>> counting = [(tensor([[0, 1, 2, 3]]), tensor([[1, 2, 3, 4]]))]
    >>> history = train_gpt(model, counting, epochs=40, lr=1e-2, progress=False)
    >>> history["loss"][0] > 1.5, history["loss"][-1] < 0.1
    (True, True)
    """
    optimizer = build_optimizer(model, lr, weight_decay, betas)
    steps = max(1, epochs * len(batches))
    trainer = Trainer(
        model,
        optimizer,
        loss_step=loss_step or _own_loss,
        scheduler=LambdaLR(optimizer, lambda step: rate_factor(step, steps, last)),
        scheduler_interval="step",
        callbacks=callbacks,
        clip_norm=clip_norm,
        checkpoint=checkpoint,
        progress=progress,
    )
    return trainer.fit(batches, epochs, resume=resume)


def _own_loss(model: Any, batch: Any) -> Tensor:
    return model(*batch)[1]  # type: ignore[no-any-return]
