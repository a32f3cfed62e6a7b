"""Convolutional networks on images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .frameworks import Framework
from .workload import Build, Step, initialise, normal

__all__ = ["forward_pass", "lenet", "small_cnn", "training_step"]

BATCH = 64

Network = Callable[[Framework], tuple[Any, tuple[int, ...]]]


def lenet(framework: Framework) -> tuple[Any, tuple[int, ...]]:
    """LeNet-5 with ReLU and maximum pooling, and the shape of one of its images."""
    nn = framework.nn
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    return model, (1, 28, 28)


def small_cnn(framework: Framework) -> tuple[Any, tuple[int, ...]]:
    """Three times a 3×3 convolution, ReLU and pooling, to 16, 32 and 64 channels."""
    nn = framework.nn
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(1024, 10),
    )  # fmt: skip
    return model, (3, 32, 32)


def training_step(network: Network) -> Build:
    """A training step on 64 images, by gradients with momentum."""

    def build(framework: Framework) -> Step:
        model, images, labels, options = _prepare(framework, network)
        sgd = framework.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, **options)

        def step() -> tuple[Any, ...]:
            sgd.zero_grad()
            loss = framework.F.cross_entropy(model(images), labels)
            loss.backward()
            sgd.step()
            return (loss,)

        return step

    return build


def forward_pass(network: Network) -> Build:
    """What a network makes of 64 images, without gradients."""

    def build(framework: Framework) -> Step:
        model, images, _, _ = _prepare(framework, network)

        def step() -> tuple[Any, ...]:
            with framework.no_grad():
                return (model(images),)

        return step

    return build


def _prepare(framework: Framework, network: Network) -> tuple[Any, Any, Any, dict[str, Any]]:
    """The network, 64 images and labels, and what is left of the options for the optimizer."""
    generator = np.random.default_rng(0)
    model, shape = network(framework)
    initialise(framework, model, generator)
    images = framework.torch.from_numpy(normal(generator, BATCH, *shape))
    labels = framework.torch.from_numpy(generator.integers(0, 10, BATCH))
    options = dict(framework.options)
    if options.pop("channels_last", False):
        layout = framework.torch.channels_last
        model, images = model.to(memory_format=layout), images.to(memory_format=layout)
    return model, images, labels, options
