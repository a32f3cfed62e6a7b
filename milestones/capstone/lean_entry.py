"""An entry of one's own: the capstone's fastest model, and a loop that does one thing only.

``generate`` writes many texts side by side, draws tokens in four ways, and lets texts slide; this
writes one text, and always the likeliest token. Copy it, change it, and enter it.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tt_autograd import no_grad
from tt_models import GPT, GPTConfig
from tt_models.recipes.tinytalks import END, LONGEST_ANSWER, stop_tokens
from tt_nn import load as read_weights
from tt_optimize import KVCache, accelerate, quantize
from tt_tensor import tensor
from tt_text import BPETokenizer


def load(folder: Path) -> Callable[[str], str]:
    """From a dialogue up to a question to the answer."""
    if (folder / "compiled").is_dir():  # by numba, when the entry was made
        shutil.copytree(folder / "compiled", os.environ["NUMBA_CACHE_DIR"], dirs_exist_ok=True)
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    tokenizer = BPETokenizer.from_file(folder / "tokenizer.json")
    stop = stop_tokens(tokenizer)
    model: Any = quantize(GPT(GPTConfig(**settings["config"])), **settings["quantize"])
    model.load_state_dict(read_weights(folder / "weights.safetensors"))
    model = accelerate(model.eval(), backend=settings["backend"])
    cache = KVCache(model)

    def predict(query: str) -> str:
        cache.reset()
        new = tokenizer.encode(query)
        written: list[int] = []
        with no_grad():
            while len(written) < LONGEST_ANSWER and cache.length + len(new) <= cache.max_len:
                logits = model(tensor([new]), cache=cache)[0]
                token = int(logits.array[0, -1].argmax())
                if token in stop:
                    break
                written.append(token)
                new = [token]
        return tokenizer.decode(written).replace(END, "").strip()

    predict("Q: Hello!\nA:")  # whatever is compiled is compiled now
    return predict
