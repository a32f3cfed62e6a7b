"""How the reference models are trained; seeds fixed, data bundled, so that all have the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import tt_tensor as tt
from tt_data import DataLoader, TensorDataset, datasets
from tt_data.tinytalks import load_tinytalks
from tt_data.transforms import RandomCrop
from tt_models import CNN, GPT, MLP, GPTConfig
from tt_models.recipes import digits, gpt, tinytalks
from tt_nn import Module, save
from tt_text import CharTokenizer

__all__ = ["CONTEXT", "train_char_gpt", "train_digits_cnn", "train_digits_mlp", "train_tinytalks"]

CONTEXT = 64  # characters that the character model sees
SEED = 0


def train_digits_mlp(folder: Path, quick: bool = False) -> None:
    """64-128-10 on the 1,437 digits, 20 epochs."""
    images, labels = datasets.digits(train=True).tensors()
    _train_on_digits(MLP([64, 128, 10]), TensorDataset(images, labels), folder, quick, peak=0.1)


def train_digits_cnn(folder: Path, quick: bool = False) -> None:
    """CNN(1, widths=(16, 32, 64)) on the digits, moved by up to a pixel, 20 epochs."""
    moved = datasets.digits(train=True, transform=RandomCrop(8, padding=1))
    model = CNN(in_channels=1, widths=(16, 32, 64))
    _train_on_digits(model, moved, folder, quick, peak=0.2)


def _train_on_digits(
    model: Module, images: datasets.Digits | TensorDataset, folder: Path, quick: bool, peak: float
) -> None:
    batches = DataLoader(
        images, batch_size=64, shuffle=True, generator=tt.Generator().manual_seed(SEED)
    )
    digits.train_classifier(model, batches, epochs=2 if quick else 20, peak=peak)
    save(model.state_dict(), folder / "weights.safetensors")


def train_tinytalks(folder: Path, quick: bool = False) -> None:
    """The recipe's GPT on TinyTalks: about 3 minutes on two cores."""
    recipe = tinytalks.Recipe(epochs=1, packings=1) if quick else tinytalks.Recipe()
    dialogues = load_tinytalks("train")
    tokenizer = tinytalks.train_tokenizer(dialogues, recipe.vocab_size)
    x, y = tinytalks.packed_rows(dialogues, tokenizer, recipe.block_size, recipe.packings, SEED)
    model = GPT(recipe.config(tokenizer))
    batches = DataLoader(
        TensorDataset(x, y),
        batch_size=recipe.batch_size,
        shuffle=True,
        drop_last=True,
        generator=tt.Generator().manual_seed(SEED),
    )
    tinytalks.train(model, batches, recipe)
    tokenizer.save(folder)
    save(model.state_dict(), folder / "weights.safetensors")


def train_char_gpt(folder: Path, quick: bool = False) -> None:
    """A GPT over the characters of TinyTalks' dialogues, one pass: about a minute."""
    text = "\n".join(dialogue.text for dialogue in load_tinytalks("train"))
    tokenizer = CharTokenizer.train(text)
    ids = np.array(tokenizer.encode(text[:50_000] if quick else text))
    rows = np.lib.stride_tricks.sliding_window_view(ids, CONTEXT + 1)[:: CONTEXT // 2]
    model = GPT(GPTConfig(tokenizer.vocab_size, block_size=64, n_layer=4, n_head=4, n_embd=128))
    batches = DataLoader(
        TensorDataset(tt.from_numpy(rows[:, :-1].copy()), tt.from_numpy(rows[:, 1:].copy())),
        batch_size=16,
        shuffle=True,
        drop_last=True,
        generator=tt.Generator().manual_seed(SEED),
    )
    gpt.train_gpt(model, batches, 1, lr=3e-3)
    tokenizer.save(folder)
    save(model.state_dict(), folder / "weights.safetensors")
