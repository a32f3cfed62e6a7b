"""A small GPT, and a fixed seed."""

import pytest

from tt_models import GPT, GPTConfig
from tt_tensor import manual_seed


@pytest.fixture(autouse=True)
def _seeded() -> None:
    manual_seed(0)


@pytest.fixture
def model() -> GPT:
    """Two layers, eleven tokens, a window of eight; weights large enough to have opinions."""
    config = GPTConfig(vocab_size=11, block_size=8, n_layer=2, n_head=2, n_embd=16)
    made = GPT(config)
    for parameter in made.parameters():
        parameter.data *= 8.0 if parameter.ndim == 2 else 1.0
    return made
