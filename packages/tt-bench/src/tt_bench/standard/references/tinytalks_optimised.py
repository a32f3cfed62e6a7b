"""An optimised entry: a GPT answers questions; settings.json says what was done to it."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tt_models import GPT, GPTConfig
from tt_models.recipes.tinytalks import write_answers
from tt_nn import load as read_weights
from tt_optimize import KVCache, accelerate, quantize
from tt_text import BPETokenizer


def load(folder: Path) -> Callable[[Any], Any]:
    """From a dialogue up to a question to the answer; from a list of them to a list."""
    if (folder / "compiled").is_dir():  # by numba, when the entry was made
        shutil.copytree(folder / "compiled", os.environ["NUMBA_CACHE_DIR"], dirs_exist_ok=True)
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    tokenizer = BPETokenizer.from_file(folder / "tokenizer.json")
    model: Any = GPT(GPTConfig(**settings["config"]))
    if settings["quantize"]:
        model = quantize(model, **settings["quantize"])
    model.load_state_dict(read_weights(folder / "weights.safetensors"))
    model.eval()
    if settings["backend"]:
        model = accelerate(model, backend=settings["backend"])
    kept = KVCache(model) if settings["cache"] else None  # of one text, made once

    def cache(count: int) -> KVCache:
        return kept if kept is not None and count == 1 else KVCache(model, count)

    def predict(query: Any) -> Any:
        texts = [query] if isinstance(query, str) else query
        answers = write_answers(model, tokenizer, texts, cache=cache if kept else None)
        return answers[0] if isinstance(query, str) else answers

    predict(["Q: Hello!\nA:", "Q: Who are you?\nA:"])  # whatever is compiled is compiled now
    predict("Q: Hello!\nA:")
    return predict
