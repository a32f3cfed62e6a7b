"""Fixtures: the data that some tests read, and a tokenizer to try things on."""

import os
from pathlib import Path

import pytest

from tt_text import BPETokenizer

TEXT = "It's a test, isn't it? The tests' testers tested 3 testing tests: 12 of 12 passed! " * 3


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with tinyshakespeare/ and gpt2/, if there is one."""
    beside_repository = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"
    folder = Path(os.environ.get("TT_SHARED_DATA", beside_repository))
    if not folder.is_dir():
        pytest.skip("needs the data that TT_SHARED_DATA names (../shared/data if it is not set)")
    return folder


@pytest.fixture(scope="session")
def shakespeare(shared_data: Path) -> str:
    return (shared_data / "tinyshakespeare" / "input.txt").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def gpt2(shared_data: Path) -> BPETokenizer:
    folder = shared_data / "gpt2"
    return BPETokenizer.from_files(folder / "vocab.json", folder / "merges.txt", ["<|endoftext|>"])


@pytest.fixture(scope="session")
def tokenizer() -> BPETokenizer:
    """Trained on a few words; "<a>" and "<a><b>" are special."""
    return BPETokenizer.train(TEXT, 280, ["<a>", "<a><b>"])
