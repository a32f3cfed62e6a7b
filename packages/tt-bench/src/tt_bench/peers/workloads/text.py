"""Byte-pair encoding: learning merges, and encoding with them, on a million characters.

The text is the Python standard library's own source, which is there wherever this runs.
"""

from __future__ import annotations

import sysconfig
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from .frameworks import Framework
from .workload import Build, Step

__all__ = ["encode_tiktoken", "encode_tt", "standard_library", "train_huggingface", "train_tt"]

CHARACTERS = 1_000_000
BYTES = 256
MERGES = 1_000  # that are learned
KNOWN_MERGES = 2_000  # of the tokenizer that encodes


@cache
def standard_library(characters: int = CHARACTERS) -> str:
    """The first characters of the standard library's modules, in the order of their names.

    Raises:
        FileNotFoundError: the sources are not installed, or are too short.
    """
    folder = Path(sysconfig.get_path("stdlib"))
    text = ""
    for path in sorted(folder.glob("*.py")):
        text += path.read_text(encoding="utf-8")
        if len(text) >= characters:
            return text[:characters]
    raise FileNotFoundError(
        f"the sources of Python's standard library in {folder} have {len(text):,} characters; "
        f"{characters:,} are needed"
    )


def train_tt(framework: Framework) -> Step:
    """Learn 1,000 merges; returns the size of the vocabulary."""
    tokenizer = import_module("tt_text").BPETokenizer
    text = standard_library()
    return lambda: (tokenizer.train(text, BYTES + MERGES).vocab_size,)


def train_huggingface(framework: Framework) -> Step:
    """The same with the trainer of Hugging Face's tokenizers. Which of equally frequent pairs goes
    first differs, so that only the sizes agree."""
    library = import_module("tokenizers")
    splitter, text = library.pre_tokenizers.ByteLevel(add_prefix_space=False), standard_library()

    def step() -> tuple[Any, ...]:
        tokenizer = library.Tokenizer(library.models.BPE())
        tokenizer.pre_tokenizer = splitter
        trainer = library.trainers.BpeTrainer(
            vocab_size=BYTES + MERGES, initial_alphabet=splitter.alphabet(), show_progress=False
        )
        tokenizer.train_from_iterator([text], trainer)
        return (tokenizer.get_vocab_size(),)

    return step


def _tokenizer() -> Any:
    return import_module("tt_text").BPETokenizer.train(standard_library(), BYTES + KNOWN_MERGES)


def encode_tt(*, warm: bool) -> Build:
    """Encode the text; ``warm``: its words are remembered from the last time."""

    def build(framework: Framework) -> Step:
        tokenizer, text = _tokenizer(), standard_library()

        def step() -> tuple[Any, ...]:
            if not warm:
                tokenizer.forget_words()
            return (np.array(tokenizer.encode(text)),)

        return step

    return build


def encode_tiktoken(framework: Framework) -> Step:
    """The same merges in tiktoken. It remembers nothing, so that it is always as warm."""
    ours, text = _tokenizer(), standard_library()
    pattern = import_module("tt_text.pattern").GPT2_PATTERN
    theirs = import_module("tiktoken").Encoding(
        "trained here",
        pat_str=pattern,
        mergeable_ranks={token: index for index, token in ours.vocab.items()},
        special_tokens={},
    )
    return lambda: (np.array(theirs.encode_ordinary(text)),)
