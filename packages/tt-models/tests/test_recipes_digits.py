"""How a network learns to tell images apart."""

import numpy as np
import pytest

from tt_models import CNN
from tt_models.recipes.digits import train_classifier
from tt_nn.training import Callback, Trainer
from tt_tensor import Tensor, arange, manual_seed, randn


class Rates(Callback):
    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_batch_end(self, trainer: Trainer) -> None:
        self.seen.append(trainer.optimizer.param_groups[0]["lr"])


def stripes(count: int = 96) -> tuple[Tensor, Tensor]:
    """Noise with a bright column in one of four places: (N, 1, 8, 8) and (N,)."""
    manual_seed(0)
    labels = arange(count) % 4
    images = 0.5 * randn(count, 1, 8, 8)
    for i, label in enumerate(labels.tolist()):
        images[i, 0, :, 2 * label] += 2.0
    return images, labels


def test_a_cnn_learns_where_a_stripe_is() -> None:
    images, labels = stripes()
    batches = list(zip(images[:64].split(16), labels[:64].split(16), strict=True))
    model = CNN(in_channels=1, num_classes=4, widths=(4, 8, 8))
    rates = Rates()
    history = train_classifier(model, batches, 10, peak=0.1, callbacks=[rates], progress=False)
    assert history["loss"][-1] < history["loss"][0]
    answers = model.eval()(images[64:]).argmax(1)
    assert (answers == labels[64:]).float().mean().item() > 0.9  # chance is a quarter
    # of 40 steps, the first fifth leads up to the peak; at the end a hundredth is left
    assert int(np.argmax(rates.seen)) in (6, 7)
    assert max(rates.seen) == pytest.approx(0.1, rel=0.05)
    assert rates.seen[-1] < 1e-3


def test_no_epochs_change_nothing() -> None:
    images, labels = stripes(8)
    model = CNN(in_channels=1, num_classes=4, widths=(4, 8, 8))
    before = {name: x.numpy().copy() for name, x in model.state_dict().items()}
    history = train_classifier(model, [(images, labels)], 0, progress=False)
    assert history.losses == []
    for name, x in model.state_dict().items():
        assert np.array_equal(x.numpy(), before[name])
