"""The GPTs whose speed is measured. Their weights are random: a product takes as long with any."""

from __future__ import annotations

import importlib.util

from tt_autograd import no_grad
from tt_models import GPT, GPTConfig
from tt_tensor import manual_seed

__all__ = ["VOCABULARY", "fresh_gpt", "installed"]

VOCABULARY = 65  # characters, as of Shakespeare


def fresh_gpt(layers: int, heads: int, width: int, length: int, seed: int) -> GPT:
    """A GPT with larger weights than at birth, when it would only repeat its last token."""
    manual_seed(seed)
    model = GPT(GPTConfig(VOCABULARY, length, layers, heads, width)).eval()
    with no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(4.0)
    return model


def installed(package: str) -> bool:
    """Whether a package could be imported."""
    return importlib.util.find_spec(package) is not None
