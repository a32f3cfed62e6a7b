"""The four tasks: what is asked, how good the reference is, and how it comes about."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

import tt_tensor as tt
from tt_data import datasets
from tt_data.tinytalks import exam, load_tinytalks

from ..entries import EntryFolder, write_entry
from ..entry import Queries
from . import training

__all__ = ["TASKS", "Task", "find_task"]

KEPT = 0.99  # of the reference's accuracy, as in MLPerf
BATCH = 64


@dataclass(frozen=True)
class Task:
    """A fixed task.

    Attributes:
        name: such as "digits-cnn".
        title: what has to be done.
        least_accuracy: what a reference trained by ``training`` reaches at least, on any machine.
        queries: held-out queries for one item each, at most so many, with their targets.
        fresh: queries of the same kind that are nowhere among the others.
        train: trains the reference into a folder; ``quick``: hardly.
    """

    name: str
    title: str
    least_accuracy: float
    queries: Callable[[int], Queries]
    fresh: Callable[[int], Queries]
    train: Callable[[Path, bool], None]

    def reference(self, folder: Path, quick: bool = False) -> EntryFolder:
        """The reference as an entry: read if it is there, else trained with a seed of its own.

        A training that is interrupted leaves nothing behind.
        """
        path = folder / (self.name + ("-quick" if quick else ""))
        if not path.is_dir():
            unfinished = path.with_name(path.name + ".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            tt.manual_seed(0)
            self.train(unfinished, quick)
            source = files(__package__) / "references" / f"{self.name.replace('-', '_')}.py"
            write_entry(unfinished, self.name, source.read_text(encoding="utf-8"), ())
            unfinished.rename(path)
        return EntryFolder.read(path)


def _chosen(count: int, most: int) -> list[int]:
    """At most so many places, spread evenly."""
    places: list[int] = np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()
    return places


def _digits(most: int) -> Queries:
    """The 360 images for testing, one at a time."""
    images, labels = (part.numpy() for part in datasets.digits(train=False).tensors())
    places = _chosen(len(images), most)
    return Queries([images[i : i + 1] for i in places], [labels[i : i + 1] for i in places])


def _fresh_digits(most: int) -> Queries:
    """The same digits with a little noise: no table knows them, any reader does."""
    images, labels = _digits(most)
    generator = np.random.default_rng(1)
    noisy = [x + generator.normal(0, 0.02, x.shape).astype(np.float32) for x in images]
    return Queries(noisy, labels)


def _questions(most: int) -> Queries:
    """Known facts asked in wordings that were never met."""
    asked = [q for q in exam(load_tinytalks("test")) if q.kind == "unseen-wording"]
    chosen = [asked[i] for i in _chosen(len(asked), most)]
    return Queries([q.prompt for q in chosen], [q.answer for q in chosen])


def _fresh_questions(most: int) -> Queries:
    """Of those from which one hears whether anybody has been training: the other held-out split."""
    asked = [q for q in exam(load_tinytalks("val")) if q.kind == "unseen-wording"]
    chosen = [asked[i] for i in _chosen(len(asked), most)]
    return Queries([q.prompt for q in chosen], [q.answer for q in chosen])


def _next_characters(split: str, most: int) -> Queries:
    """64 characters of held-out dialogues, and the one that follows."""
    text = "\n".join(dialogue.text for dialogue in load_tinytalks(split))
    known = set("\n".join(dialogue.text for dialogue in load_tinytalks("train")))
    places = _chosen(len(text) - training.CONTEXT, most)
    pairs = [(text[i : i + training.CONTEXT], text[i + training.CONTEXT]) for i in places]
    pairs = [(context, following) for context, following in pairs if set(context) <= known]
    return Queries([context for context, _ in pairs], [following for _, following in pairs])


TASKS = (
    Task(
        "digits-mlp",
        "read a digit of 8×8 pixels",
        0.95,
        _digits,
        _fresh_digits,
        training.train_digits_mlp,
    ),
    Task(
        "digits-cnn",
        "read a digit of 8×8 pixels",
        0.975,
        _digits,
        _fresh_digits,
        training.train_digits_cnn,
    ),
    Task(
        "tinytalks-gpt",
        "answer a question, exactly",
        0.90,
        _questions,
        _fresh_questions,
        training.train_tinytalks,
    ),
    Task(
        "char-gpt",
        "tell the next character of a dialogue",
        0.50,
        lambda most: _next_characters("test", most),
        lambda most: _next_characters("val", most),
        training.train_char_gpt,
    ),
)


def find_task(name: str) -> Task:
    """The task of that name.

    Raises:
        ValueError: there is none.
    """
    for task in TASKS:
        if task.name == name:
            return task
    raise ValueError(f"no task {name!r}; there are {', '.join(task.name for task in TASKS)}")
