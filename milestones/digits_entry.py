"""The code of an entry that reads digits: settings.json says what was done to its network."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tt_autograd import no_grad
from tt_models import CNN, MLP
from tt_nn import load as read_weights
from tt_optimize import accelerate, quantize
from tt_tensor import from_numpy


def load(folder: Path) -> Callable[[Any], Any]:
    """From images (B, 1, 8, 8) to labels (B,)."""
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    sizes = settings["sizes"]
    model: Any = CNN(1, widths=sizes) if settings["model"] == "CNN" else MLP(sizes)
    if settings["bits"]:
        model = quantize(model, bits=settings["bits"])
    model.load_state_dict(read_weights(folder / "weights.safetensors"))
    model.eval()
    if settings["backend"]:
        model = accelerate(model, backend=settings["backend"])

    def predict(images: Any) -> Any:
        with no_grad():
            return model(from_numpy(images)).argmax(1).numpy()

    return predict
