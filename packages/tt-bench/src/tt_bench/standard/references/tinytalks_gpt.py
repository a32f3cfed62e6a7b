"""Reference entry: a GPT answers questions, with neither cache nor any other help."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tt_models import GPT
from tt_models.recipes.tinytalks import Recipe, write_answers
from tt_nn import load as read_weights
from tt_text import BPETokenizer


def load(folder: Path) -> Callable[[Any], Any]:
    """From a dialogue up to a question to the answer; from a list of them to a list."""
    tokenizer = BPETokenizer.from_file(folder / "tokenizer.json")
    model = GPT(Recipe().config(tokenizer))
    model.load_state_dict(read_weights(folder / "weights.safetensors"))
    model.eval()

    def predict(query: Any) -> Any:
        if isinstance(query, str):
            return write_answers(model, tokenizer, [query])[0]
        return write_answers(model, tokenizer, query)

    return predict
