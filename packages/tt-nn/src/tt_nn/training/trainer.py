"""The training loop."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from itertools import islice
from typing import Any, Literal

import numpy as np

from tt_autograd import no_grad
from tt_tensor import Tensor

from ..optim import Optimizer
from ..optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from .callback import Callback, monitored
from .checkpoint import Checkpoint
from .gradients import average_gradients, check_finite, limit_gradients, samples
from .history import History
from .interrupts import Interrupts
from .position import Boundary, EpochStart, Position, buffers_of
from .progress import Progress
from .resume import load_trainer, open_checkpoint, trainer_state

__all__ = ["Trainer"]

Loader = Iterable[Any]
LossStep = Callable[[Any, Any], Tensor]


class Trainer:
    """Trains a model: batches in, loss, gradients, steps; validation, checkpoints and progress.

    Args:
        model: anything that can be called and has ``parameters()``, ``train()``, ``eval()``,
            ``state_dict()`` and ``load_state_dict()``.
        optimizer: of the model's parameters.
        loss_fn: ``loss_fn(model(inputs), targets)``, the mean over a batch ``(inputs, targets)``.
        loss_step: instead of loss_fn, ``loss_step(model, batch)`` for batches of any other form.
        metrics: by name, functions of (outputs, targets) that ``evaluate`` averages, too.
        scheduler: its ``step()`` is called after every epoch, with the validation's loss if it is a
            ReduceLROnPlateau.
        scheduler_interval: "step" calls it after every step of the optimizer instead.
        callbacks: what is told how training goes.
        clip_norm: scale gradients down to this norm if theirs is larger.
        accumulate: take a step only every so many batches, with the mean of their gradients.
        checkpoint: a folder for files from which training can be resumed, or a Checkpoint.
        progress: False shows nothing; None and True a bar on a terminal and lines elsewhere.

    Attributes:
        epoch, epochs: the epoch under way, from 1, and how many there are to be.
        step: how many steps the optimizer has taken.
        loss: of the last step.
        history: the record of the last ``fit``.
        status: "new", "running", "finished", "interrupted" or "failed".

    >>> from tt_nn import Linear, MSELoss
    >>> from tt_nn.optim import SGD
    >>> from tt_tensor import manual_seed, randn
    >>> _ = manual_seed(0)
    >>> x = randn(64, 3)
    >>> batches = [(part, part.sum(1, keepdim=True)) for part in x.split(16)]
    >>> model = Linear(3, 1)
    >>> trainer = Trainer(model, SGD(model.parameters(), lr=0.1), MSELoss(), progress=False)
    >>> history = trainer.fit(batches, epochs=20)
    >>> history["loss"][0] > 1, history["loss"][-1] < 0.01
    (True, True)
    >>> trainer.evaluate(batches)["loss"] < 0.01
    True
    """

    def __init__(
        self,
        model: Any,
        optimizer: Optimizer,
        loss_fn: Callable[[Any, Any], Tensor] | None = None,
        *,
        loss_step: LossStep | None = None,
        metrics: Mapping[str, Callable[[Any, Any], Any]] | None = None,
        scheduler: LRScheduler | None = None,
        scheduler_interval: Literal["epoch", "step"] = "epoch",
        callbacks: Iterable[Callback] = (),
        clip_norm: float | None = None,
        accumulate: int = 1,
        checkpoint: str | os.PathLike[str] | Checkpoint | None = None,
        progress: bool | Progress | None = None,
    ) -> None:
        if (loss_fn is None) == (loss_step is None):
            raise ValueError("expected one of loss_fn and loss_step, got " + _none_or_both(loss_fn))
        if metrics and loss_step:
            raise ValueError("metrics need loss_fn: with loss_step the outputs are not known")
        if scheduler_interval not in ("epoch", "step"):
            raise ValueError(
                f'scheduler_interval: expected "epoch" or "step", got {scheduler_interval!r}'
            )
        if scheduler_interval == "step" and isinstance(scheduler, ReduceLROnPlateau):
            raise ValueError("ReduceLROnPlateau needs the value of an epoch: leave it at 'epoch'")
        if accumulate < 1:
            raise ValueError(f"accumulate: expected at least 1 batch, got {accumulate}")
        self.model, self.optimizer = model, optimizer
        self.loss_fn, self.loss_step, self.metrics = loss_fn, loss_step, dict(metrics or {})
        self.scheduler, self.scheduler_interval = scheduler, scheduler_interval
        self.clip_norm, self.accumulate = clip_norm, accumulate
        callbacks = list(callbacks)
        if checkpoint is None:  # one among the callbacks is as good
            checkpoint = next((c for c in callbacks if isinstance(c, Checkpoint)), None)
        elif not isinstance(checkpoint, Checkpoint):
            checkpoint = Checkpoint(checkpoint)
        self.callbacks = [c for c in callbacks if c is not checkpoint]
        if progress is not False:
            self.callbacks.append(progress if isinstance(progress, Progress) else Progress())
        self.checkpoint = checkpoint
        self.status, self.epoch, self.epochs, self.loss = "new", 0, 0, float("nan")
        self.history, self.position = History(), Position()
        self.interrupts = Interrupts()
        self.batches: int | None = None  # in an epoch, if the loader has a length
        self.torn = False  # the weights are being changed
        self.start = EpochStart.of(None)
        self.has_buffers = bool(buffers_of(model))
        self.boundary = Boundary.here(self.position, self.start, buffers_of(model))

    # ---- training --------------------------------------------------------------------------------

    def fit(
        self,
        loader: Loader,
        epochs: int,
        val: Loader | None = None,
        resume: bool | str | os.PathLike[str] = False,
    ) -> History:
        """Train until ``epochs`` epochs are done.

        On Ctrl-C the step under way is finished, the checkpoint (if there is one) is written and
        KeyboardInterrupt is raised; ``history`` then says ``interrupted``. A second Ctrl-C breaks
        the step off and undoes it.

        Args:
            loader: gives the batches of an epoch each time it is iterated over, for example a list
                or a DataLoader.
            val: the batches to evaluate after every epoch.
            resume: go on from the checkpoint, if there is one yet, or from this file. The result
                is the same, bit for bit, as if training had never been interrupted.

        Returns:
            The record of all epochs, those before resuming included.

        Raises:
            NonFiniteLossError: the loss or the gradients became nan or infinite. That step was not
                taken: the weights are those before it, and no checkpoint was written.
            KeyboardInterrupt: as described.
            ValueError: the loader gives no batches, or the checkpoint does not fit.
        """
        self._begin(loader, epochs, resume)
        message = ""
        with self.interrupts:
            try:
                self._run(loader, val)
                self.status = "finished"
            except KeyboardInterrupt:
                self.status, self.history.interrupted = "interrupted", True
                message = self._save_interrupted()
            finally:
                if self.status == "running":
                    self.status = "failed"
                with self.interrupts.held():
                    self._call("on_train_end")
        if self.status == "interrupted":
            raise KeyboardInterrupt(message) from None
        self.interrupts.check()  # one that came after the last step
        return self.history

    def stop(self, reason: str) -> None:
        """End training after the step or epoch under way."""
        self.history.stopped = reason

    @property
    def step(self) -> int:
        """How many steps the optimizer has taken."""
        return self.position.step

    def train_epoch(self, loader: Loader) -> None:
        """One pass over the batches: gradients of every ``accumulate`` batches, then a step.

        Training mode is on. After every step the callbacks' ``on_batch_end`` is called, and Ctrl-C
        is heard.

        Raises:
            ValueError: the loader gives no batches.
        """
        self.model.train()
        batches = self._remaining_batches(loader)
        start = time.perf_counter()
        while group := list(islice(batches, self.accumulate)):
            loss, norm = self.compute_gradients(group)
            with self.interrupts.held():
                self.torn = True
                self._take_step(group, loss, norm)
                self.position.seconds += time.perf_counter() - start
                start = time.perf_counter()
                self._pass_boundary("on_batch_end")
            if self.history.stopped:
                return
            self.interrupts.check()
        if not self.position.batches:
            raise ValueError(
                "expected at least one batch in every epoch, got none. A generator gives its "
                "batches only once: pass a list of batches or a DataLoader"
            )

    def compute_gradients(self, batches: list[Any]) -> tuple[float, float]:
        """Put the mean gradient of some batches, limited to ``clip_norm``, into ``.grad``.

        Old gradients are dropped first. Every loss is checked before its backward pass, and the
        norm of the gradients afterwards.

        Returns:
            The mean of the losses, and the norm of the gradients before clipping.

        Raises:
            NonFiniteLossError: a loss or the norm is nan or infinite.
        """
        self.optimizer.zero_grad()
        total = 0.0
        for batch in batches:
            with np.errstate(all="ignore"):  # what overflows is reported below
                loss = self.batch_loss(batch)
            total += check_finite(self, "loss", loss.item(), batches)
            loss.backward()
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        average_gradients(parameters, len(batches))
        norm = limit_gradients(parameters, self.clip_norm)
        check_finite(self, "norm of the gradients", norm, batches)
        return total / len(batches), norm

    def batch_loss(self, batch: Any) -> Tensor:
        """The loss of one batch: ``loss_fn(model(inputs), targets)``, or ``loss_step``'s."""
        if self.loss_step is not None:
            return self.loss_step(self.model, batch)
        assert self.loss_fn is not None
        inputs, targets = batch
        return self.loss_fn(self.model(inputs), targets)

    def evaluate(self, loader: Loader) -> dict[str, float]:
        """The mean loss and metrics over all samples, in evaluation mode, without gradients.

        Batches count by their number of samples. The model is left in the mode it was in.

        Returns:
            ``{"loss": ..., and one entry for each of the metrics}``.

        Raises:
            ValueError: the loader gives no batches.
        """
        was_training = getattr(self.model, "training", True)
        self.model.eval()
        sums: dict[str, float] = {}
        count = 0
        try:
            with no_grad():
                for batch in loader:
                    number = samples(batch)
                    count += number
                    for name, value in self._evaluate_batch(batch).items():
                        sums[name] = sums.get(name, 0.0) + value * number
                    self.interrupts.check()
        finally:
            if was_training:
                self.model.train()
        if not count:
            raise ValueError("evaluate expects at least one batch, got none")
        return {name: value / count for name, value in sums.items()}

    def _evaluate_batch(self, batch: Any) -> dict[str, float]:
        if self.loss_fn is None:
            return {"loss": float(self.batch_loss(batch))}
        inputs, targets = batch
        outputs = self.model(inputs)
        values = {name: float(metric(outputs, targets)) for name, metric in self.metrics.items()}
        return {"loss": float(self.loss_fn(outputs, targets)), **values}

    # ---- checkpoints -----------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resumed training needs, as it was after the last step."""
        return trainer_state(self)

    def load_state_dict(self, state_dict: Mapping[str, Any], loader: Any = None) -> None:
        """Go back to the state that ``state_dict`` returned; the loader's, if given, too."""
        load_trainer(self, state_dict, loader)

    # ---- what happens around the steps -----------------------------------------------------------

    def _begin(self, loader: Loader, epochs: int, resume: Any) -> None:
        """A fresh record, or that of the checkpoint."""
        self.status, self.epochs, self.interrupts = "running", epochs, Interrupts()
        self.history, self.position = History(), Position()
        self.batches = len(loader) if isinstance(loader, Sized) else None
        self.optimizer.zero_grad()
        self.has_buffers = bool(buffers_of(self.model))
        self._here(EpochStart.of(loader))
        if resume is not False and (checkpoint := open_checkpoint(self, resume)) is not None:
            load_trainer(self, checkpoint, loader)
        self.epoch = self.position.epochs + 1

    def _here(self, start: EpochStart | None = None) -> None:
        """Note the present state as one that training can go back to."""
        if start is not None:
            self.start = start
        buffers = buffers_of(self.model) if self.has_buffers else []
        self.boundary = Boundary.here(self.position, self.start, buffers)
        self.torn = False

    def go_back(self) -> None:
        """Undo what a step that was broken off has changed; weights it has not changed yet."""
        self.boundary.go_back(buffers_of(self.model) if self.has_buffers else [])
        self.optimizer.zero_grad()

    def _run(self, loader: Loader, val: Loader | None) -> None:
        """Epoch after epoch."""
        with self.interrupts.held():
            self._call("on_train_begin")
        while self.position.epochs < self.epochs and not self.history.stopped:
            self.epoch = self.position.epochs + 1
            if not self.position.batches:
                with self.interrupts.held():
                    self._call("on_epoch_begin")
                self.interrupts.check()
            self.train_epoch(loader)
            if self.history.stopped:  # within the epoch: there is no whole one to speak of
                if self.checkpoint is not None:
                    self.checkpoint.write(self)
                return
            self._end_epoch(loader, val)
            self.interrupts.check()

    def _remaining_batches(self, loader: Any) -> Iterator[Any]:
        """The batches of the epoch; when resuming within it, those that are left."""
        done = self.position.batches
        if not done:
            self.start = EpochStart.of(loader)
            return iter(loader)
        batches = self.start.replay(loader)
        skipped = sum(1 for _ in islice(batches, done))
        if skipped < done:
            raise ValueError(
                f"the checkpoint is {done} batches into epoch {self.epoch}, but the loader gives "
                f"only {skipped}. Resume with the loader that training began with"
            )
        self.go_back()
        return batches

    def _take_step(self, group: list[Any], loss: float, norm: float) -> None:
        """Let the optimizer step, and count it."""
        number = sum(map(samples, group))
        self.position = self.position.after_step(len(group), number, loss, norm)
        self.loss = loss
        self.optimizer.step()
        self.history.losses.append(loss)
        self.history.grad_norms.append(norm)
        if self.scheduler is not None and self.scheduler_interval == "step":
            self.scheduler.step()

    def _end_epoch(self, loader: Loader, val: Loader | None) -> None:
        """Validation, the record, the schedule, the callbacks."""
        start = time.perf_counter()
        validation = {} if val is None else self.evaluate(val)
        sums = self.position
        values: dict[str, float] = {
            "epoch": self.epoch,
            "step": sums.step,
            "loss": sums.loss_sum / max(sums.samples, 1),
            "lr": float(self.optimizer.param_groups[0]["lr"]),
            "grad_norm": sums.norm_sum / max(sums.steps, 1),
            "seconds": sums.seconds + time.perf_counter() - start,
        }
        with self.interrupts.held():
            self.torn = True
            values |= {f"val_{name}": value for name, value in validation.items()}
            self.history.epochs.append(values)
            if isinstance(self.scheduler, ReduceLROnPlateau):
                self.scheduler.step(monitored(self, None))
            elif self.scheduler is not None and self.scheduler_interval == "epoch":
                self.scheduler.step()
            self.position = sums.next_epoch()
            self._pass_boundary("on_epoch_end", EpochStart.of(loader))

    def _pass_boundary(self, hook: str, start: EpochStart | None = None) -> None:
        """Tell the callbacks; the checkpoint last, so that it holds what they now remember."""
        self._call(hook)
        self._here(start)
        if self.checkpoint is not None:
            getattr(self.checkpoint, hook)(self)

    def _call(self, hook: str) -> None:
        """Tell every callback, even if one of them is interrupted."""
        everyone: list[Callback] = [*self.callbacks]
        if self.checkpoint is not None and hook in ("on_train_begin", "on_train_end"):
            everyone.append(self.checkpoint)
        for callback in everyone:
            try:
                getattr(callback, hook)(self)
            except KeyboardInterrupt:
                self.interrupts.pending = True

    def _save_interrupted(self) -> str:
        """Undo what the step broken off has done, write the checkpoint, and say so."""
        where = f"training stopped in epoch {self.epoch}, after step {self.boundary.position.step}"
        if self.torn:
            return f"{where}, within a change of the weights: no checkpoint was written"
        with self.interrupts.held():
            self.position = self.boundary.position
            self.go_back()
            if self.checkpoint is None:
                return f"{where}; to be able to resume, pass Trainer(..., checkpoint=folder)"
            self.checkpoint.write(self)
        return f"{where}; saved {self.checkpoint.last_file}, fit(..., resume=True) goes on from it"


def _none_or_both(loss_fn: Any) -> str:
    return "neither" if loss_fn is None else "both"
