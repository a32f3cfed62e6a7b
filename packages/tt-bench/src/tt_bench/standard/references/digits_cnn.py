"""Reference entry: a convolutional network reads digits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tt_autograd import no_grad
from tt_models import CNN
from tt_nn import load as read_weights
from tt_tensor import from_numpy


def load(folder: Path) -> Callable[[Any], Any]:
    """From images (B, 1, 8, 8) to labels (B,)."""
    model = CNN(in_channels=1, widths=(16, 32, 64))
    model.load_state_dict(read_weights(folder / "weights.safetensors"))
    model.eval()

    def predict(images: Any) -> Any:
        with no_grad():
            return model(from_numpy(images)).argmax(1).numpy()

    return predict
