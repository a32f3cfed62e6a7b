"""The trained models that the report compresses: trained in the run, or kept from one before.

A digits CNN takes seconds, the GPT on TinyTalks some minutes. Both follow tt_models.recipes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tt_autograd import no_grad
from tt_models import CNN, GPT
from tt_models.recipes.digits import train_classifier
from tt_models.recipes.tinytalks import Recipe, packed_rows, train, train_tokenizer, write_answers
from tt_nn import Module, load, save
from tt_nn.training import Callback
from tt_tensor import Tensor, manual_seed
from tt_text import BPETokenizer

from ..kv_cache import KVCache
from .outcome import Setting

__all__ = ["Digits", "Talker", "digits_cnn", "talker"]

WIDTHS = (16, 32, 64)
QUICK = Recipe(n_layer=1, n_head=2, n_embd=16, packings=1, epochs=1)
TELL_SECONDS = 20.0


@dataclass(frozen=True)
class Digits:
    """A CNN that reads digits, and the digits that it has not seen."""

    model: CNN
    images: Tensor
    labels: Tensor

    def accuracy(self, model: Module) -> float:
        """The share of the held-out digits that a model reads right, in points of a hundred."""
        with no_grad():
            right = model.eval()(self.images).argmax(1) == self.labels
        return 100 * float(right.float().mean().item())


@dataclass(frozen=True)
class Talker:
    """A GPT that answers questions, and questions in wordings that it has not seen."""

    model: GPT
    tokenizer: BPETokenizer
    questions: Sequence[Any]

    def exact(self, model: Any) -> float:
        """The share of the answers that are right to the letter, in points of a hundred."""
        from tt_data.tinytalks import grade

        prompts = [question.prompt for question in self.questions]
        answers = write_answers(model, self.tokenizer, prompts, lambda n: KVCache(model, n))
        return 100 * grade(self.questions, answers)


def digits_cnn(setting: Setting, smoothing: float = 0.1) -> Digits:
    """A CNN of 70,314 parameters, trained on the bundled digits.

    Args:
        smoothing: of the labels; 0 for a teacher.
    """
    from tt_data import datasets

    model = CNN(in_channels=1, widths=WIDTHS)
    images, labels = datasets.digits(train=False).tensors()
    file = _file(setting, f"digits-smoothing{smoothing:g}.safetensors")
    if file.exists():
        model.load_state_dict(load(file))
    else:
        setting.tell("training a CNN on the digits")
        manual_seed(setting.seed)
        model = CNN(in_channels=1, widths=WIDTHS)
        train_on_digits(model, 1 if setting.quick else 20, setting, smoothing=smoothing)
        save(model.state_dict(), file)
    return Digits(model.eval(), images, labels)


def train_on_digits(
    model: Module, epochs: int, setting: Setting, peak: float = 0.2, smoothing: float = 0.1
) -> None:
    """By the recipe, with the images moved by up to a pixel whenever they are shown."""
    from tt_data import DataLoader, datasets
    from tt_data.transforms import RandomCrop

    moved = datasets.digits(train=True, transform=RandomCrop(8, padding=1))
    batches = DataLoader(moved, batch_size=64, shuffle=True)
    train_classifier(
        model,
        batches,
        epochs,
        peak=peak,
        label_smoothing=smoothing,
        callbacks=[_Tell(setting.tell)],
        progress=False,
    )


def talker(setting: Setting) -> Talker:
    """A GPT trained on TinyTalks, and its exam on the test dialogues."""
    from tt_data import DataLoader, TensorDataset
    from tt_data.tinytalks import exam, load_tinytalks

    recipe = QUICK if setting.quick else Recipe()
    dialogues = load_tinytalks("train")
    tokenizer = train_tokenizer(dialogues, recipe.vocab_size)
    manual_seed(setting.seed)
    model = GPT(recipe.config(tokenizer))
    file = _file(setting, "tinytalks.safetensors")
    if file.exists():
        model.load_state_dict(load(file))
    else:
        setting.tell("training a GPT on TinyTalks" + ("" if setting.quick else ": some minutes"))
        rows = packed_rows(
            dialogues, tokenizer, recipe.block_size, recipe.packings, seed=setting.seed
        )
        batches = DataLoader(TensorDataset(*rows), recipe.batch_size, shuffle=True)
        train(model, batches, recipe, callbacks=[_Tell(setting.tell)], progress=False)
        save(model.state_dict(), file)
    questions = exam(load_tinytalks("test"))
    return Talker(model.eval(), tokenizer, questions[:20] if setting.quick else questions)


def _file(setting: Setting, name: str) -> Path:
    """A quick model is never taken for a trained one, nor a seed for another."""
    setting.folder.mkdir(parents=True, exist_ok=True)
    return setting.folder / f"{'quick-' if setting.quick else ''}seed{setting.seed}-{name}"


class _Tell(Callback):
    """A line now and then, for who waits."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        self.tell, self.last = tell, time.perf_counter()

    def on_batch_end(self, trainer: Any) -> None:
        if time.perf_counter() - self.last > TELL_SECONDS:
            self.last = time.perf_counter()
            self.tell(f"  epoch {trainer.epoch} of {trainer.epochs}, loss {trainer.loss:.3f}")
