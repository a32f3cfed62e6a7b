"""Reference entry: a GPT over characters says which character comes next."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tt_autograd import no_grad
from tt_models import GPT, GPTConfig
from tt_nn import load as read_weights
from tt_tensor import from_numpy
from tt_text import CharTokenizer


def load(folder: Path) -> Callable[[Any], Any]:
    """From 64 characters to the likeliest next one; from a list of texts to a list."""
    tokenizer = CharTokenizer.from_file(folder / "tokenizer.json")
    model = GPT(GPTConfig(tokenizer.vocab_size, block_size=64, n_layer=4, n_head=4, n_embd=128))
    model.load_state_dict(read_weights(folder / "weights.safetensors"))
    model.eval()

    def predict(query: Any) -> Any:
        texts = [query] if isinstance(query, str) else query
        ids = np.array([tokenizer.encode(text) for text in texts])
        with no_grad():
            best = model(from_numpy(ids))[0][:, -1].argmax(-1).tolist()
        answers = [tokenizer.decode([index]) for index in best]
        return answers[0] if isinstance(query, str) else answers

    return predict
