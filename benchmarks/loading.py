"""How long does training wait for its data?  python benchmarks/loading.py [batches]

A small convolutional network learns from images of CIFAR-10's size, in batches of 256, augmented by
crops, flips and normalisation. For each kind of loader the share of the time is printed that the
loop spends waiting for the next batch; the rest is the training step. The pixels are drawn at
random, for the time does not depend on them. The rounds are interleaved, and the middle one counts,
for other programs run on the machine as well.
"""

import sys
import time
from statistics import median

import numpy as np

from tt_data import DataLoader, transforms
from tt_data.datasets import ImageDataset
from tt_nn import (
    AdaptiveMaxPool2d,
    BatchNorm2d,
    Conv2d,
    CrossEntropyLoss,
    Flatten,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
    optim,
)
from tt_tensor import manual_seed

BATCH, ROUNDS = 256, 3


class Pictures(ImageDataset):
    """Random pixels in CIFAR-10's layout."""

    def __init__(self, n: int, transform: object) -> None:
        super().__init__(transform=transform)
        rng = np.random.default_rng(0)
        self.data = rng.integers(0, 256, (n, 3, 32, 32), np.uint8).transpose(0, 2, 3, 1)
        self.targets = rng.integers(0, 10, n).tolist()


def one_by_one(image: object) -> object:
    """A function that takes one image, so that batches cannot be made at once."""
    return image


def in_python(image: object) -> object:
    """The same, with a millisecond of work that is all Python."""
    sum(number * number for number in range(15_000))
    return image


AUGMENT = [
    transforms.RandomCrop(32, padding=2),
    transforms.RandomHorizontalFlip(),
    transforms.ToTensor(),
    transforms.Normalize((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
]
FAST = transforms.Compose(AUGMENT)
SLOW = transforms.Compose([one_by_one, *AUGMENT])
SLOWER = transforms.Compose([in_python, *AUGMENT])
PROCESS = {"num_workers": 1, "multiprocessing_context": "spawn"}
LOADERS = {
    "whole batches, no worker": (FAST, {}),
    "whole batches, 1 thread": (FAST, {"num_workers": 1}),
    "whole batches, 2 threads": (FAST, {"num_workers": 2}),
    "whole batches, 1 process": (FAST, PROCESS),
    "image by image, no worker": (SLOW, {}),
    "image by image, 1 thread": (SLOW, {"num_workers": 1}),
    "image by image, 1 process": (SLOW, PROCESS),
    "a ms of Python each, 1 thread": (SLOWER, {"num_workers": 1}),
    "a ms of Python each, 1 process": (SLOWER, PROCESS),
}


def network() -> Module:
    """Convolutions of 16, 32 and 64 channels."""
    layers: list[Module] = [Conv2d(3, 16, 3, padding=1), ReLU()]
    for before, after in ((16, 32), (32, 64)):
        layers += [Conv2d(before, after, 3, padding=1), MaxPool2d(2), BatchNorm2d(after), ReLU()]
    return Sequential(*layers, AdaptiveMaxPool2d(1), Flatten(), Linear(64, 10))


def waits(loader: DataLoader, model: Module) -> tuple[float, float, float]:
    """Seconds to the first batch, seconds of waiting for the others, and seconds of training."""
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    loss = CrossEntropyLoss()
    waited, trained = [], 0.0
    now = time.perf_counter()
    for images, labels in loader:
        waited.append(time.perf_counter() - now)
        now = time.perf_counter()
        optimizer.zero_grad()
        loss(model(images), labels).backward()
        optimizer.step()
        trained += time.perf_counter() - now
        now = time.perf_counter()
    return waited[0], sum(waited[1:]), trained


def main(batches: int) -> None:
    """Print a line for each kind of loader."""
    manual_seed(0)
    model = network()
    measured: dict[str, list[tuple[float, float, float]]] = {name: [] for name in LOADERS}
    for _ in range(ROUNDS):
        for name, (transform, options) in LOADERS.items():
            data = Pictures(BATCH * batches, transform)
            loader = DataLoader(data, BATCH, shuffle=True, **options)
            measured[name].append(waits(loader, model))
    print(f"{batches} batches of {BATCH}, median of {ROUNDS} rounds")
    print(f"{'':31}{'first batch':>14}{'a later one':>14}{'a step':>14}{'waiting':>10}")
    for name, rounds in measured.items():
        first, later, step = (median(column) for column in zip(*rounds, strict=True))
        later, step = later / (batches - 1), step / batches
        seconds = f"{first * 1e3:11.0f} ms{later * 1e3:11.2f} ms{step * 1e3:11.0f} ms"
        print(f"{name:31}{seconds}{later / (later + step):10.1%}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
