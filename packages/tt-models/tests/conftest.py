"""Small GPTs of both forms, and a fixed seed."""

from typing import Any

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


@pytest.fixture(params=["gpt2", "llama"])
def form(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The choices of a GPTConfig that make it a GPT-2 or, with grouped queries, a Llama."""
    if request.param == "gpt2":
        return {}
    return {
        "n_kv_head": 2,
        "norm": "rms",
        "mlp": "swiglu",
        "position": "rotary",
        "bias": False,
        "tie_weights": False,
    }
