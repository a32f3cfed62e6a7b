"""What the milestones that look at images share: data, training, and what was read wrongly.

Each of them trains a network and its predecessor, shows where the new one is wrong, and compares
the two on the same images.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from png import sheet, write_png
from rich.style import Style
from rich.text import Text
from story import at_least, chapter, console, options, picture, reading_data, say, show

import tt_tensor as torch
from tt_autograd import no_grad
from tt_data import DataLoader
from tt_data.datasets import ImageDataset
from tt_models.recipes.digits import train_classifier
from tt_nn import CrossEntropyLoss, Module
from tt_nn.functional import avg_pool2d
from tt_nn.optim import SGD
from tt_nn.training import Callback, Trainer
from tt_tensor import Tensor

# ---- options and data ----------------------------------------------------------------------------


def vision_options(story: str | None, data: str = "") -> argparse.ArgumentParser:
    """The parser of a milestone with images; `data` says which files it needs, if any."""
    parser = options(story)
    parser.add_argument("--epochs", type=at_least(0), help="how often to show every image")
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FOLDER",
        help=f"where {data} lies (default: it is downloaded once and kept)"
        if data
        else "accepted, and not needed: the digits are part of tt-data",
    )
    parser.add_argument(
        "--png",
        type=Path,
        metavar="FILE",
        default=Path(f"{Path(sys.argv[0]).stem}-mistakes.png"),
        help="where to save pictures of mistakes (default: %(default)s, in the working folder)",
    )
    return parser


def read(
    dataset: Callable[..., ImageDataset], folder: Path | None, most: int | None = None
) -> tuple[ImageDataset, ImageDataset]:
    """Training and test images: from the folder, or else from the cache, downloaded if need be.

    What is unusual about the files is told. If there are none, the program ends.

    Args:
        most: how many training images are wanted; all of them if None.
    """
    help_ = "--data FOLDER names the folder that has them; without it they are downloaded"
    with reading_data(help_), warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        train, test = (
            dataset(root=folder, train=part, download=folder is None) for part in (True, False)
        )
    for note in notes:
        console.print(f"\nnote: {note.message}", style="yellow", soft_wrap=True)
    train.data, train.targets = train.data[:most], train.targets[:most]
    return train, test


# ---- training ------------------------------------------------------------------------------------


class Report(Callback):
    """A line now and then: the loss, and how many training images are misread."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels

    def on_epoch_end(self, trainer: Trainer) -> None:
        """A line for the first three epochs and for every fifth."""
        if trainer.epoch > 3 and trainer.epoch % 5:
            return
        misread = int((answers(trainer.model, self.images) != self.labels).sum().item())
        line = Text(f"epoch {trainer.epoch:>2}  loss {trainer.history['loss'][-1]:.3f}  ")
        line.append("#" * round(min(misread, 200) / 5) + "..." * (misread > 200), "yellow")
        console.print(line, f"{misread} misread", soft_wrap=True)


def learn_plainly(
    model: Module, batches: DataLoader[Any], epochs: int, report: Report | None = None
) -> float:
    """Learn by gradients with momentum, at one learning rate; the seconds it took."""
    trainer = Trainer(
        model,
        SGD(model.parameters(), lr=0.1, momentum=0.9),
        CrossEntropyLoss(label_smoothing=0.1),  # never be surer than about 90 %
        callbacks=[report] if report else [],
        progress=report is None,
    )
    start = time.perf_counter()
    trainer.fit(batches, epochs)
    return time.perf_counter() - start


def learn(
    model: Module,
    batches: DataLoader[Any],
    epochs: int,
    peak: float,
    weight_decay: float = 0.0,
    report: Report | None = None,
) -> float:
    """Learn along one cycle of the learning rate, up to its peak and down; the seconds it took.

    Progress is a bar in a terminal and lines elsewhere, or the report.
    """
    start = time.perf_counter()
    train_classifier(
        model,
        batches,
        epochs,
        peak=peak,
        weight_decay=weight_decay,
        callbacks=[report] if report else [],
        progress=report is None,
    )
    return time.perf_counter() - start


# ---- reading -------------------------------------------------------------------------------------


def answers(model: Module, images: Tensor, flips: bool = False) -> Tensor:
    """The class that gets the highest score, of each image.

    With `flips`, the scores of the image and of its mirror image are added.

    Shape: images (N, C, H, W) -> (N,)
    """
    model.eval()
    found = []
    with no_grad():
        for batch in images.split(500):
            scores = model(batch)
            found.append((scores + model(batch.flip(-1)) if flips else scores).argmax(1))
    model.train()
    return torch.cat(found)


@dataclass(frozen=True, slots=True)
class Reader:
    """A trained network: what it is called, what it cost, and what it reads in the test images."""

    name: str
    model: Module
    seconds: float
    answers: Tensor

    def right(self, labels: Tensor) -> float:
        """The per cent it reads correctly."""
        return (self.answers == labels).float().mean().item() * 100


def names_of(dataset: ImageDataset) -> list[str]:
    """What the classes are called: "7", where the dataset says "7 - seven"."""
    return [name.partition(" - ")[0] for name in dataset.classes]


def confusion(answers: Tensor, labels: Tensor, names: Sequence[str]) -> None:
    """A row for each class: what the network took it for, and how many it got right."""
    classes = range(len(names))
    labelled = [name if name == str(i) else f"{i} {name}" for i, name in enumerate(names)]
    wide = max(8, *map(len, labelled))
    rows = [[int((answers[labels == i] == j).sum().item()) for j in classes] for i in classes]
    cell = max(4, 1 + len(str(max(map(max, rows)))))
    say("Each row is what was shown, each column what the network took it for:\n")
    say(" " * wide + "".join(f"{i:{cell}}" for i in classes))
    for i, counts in enumerate(rows):
        line = Text(f"{labelled[i]:>{wide}}")
        for j, count in enumerate(counts):
            style = "green" if j == i else "bold red" if count else "dim"
            line.append(f"{count or '.':>{cell}}", style)
        console.print(line, f"  {100 * counts[i] / sum(counts):5.1f} % right", soft_wrap=True)


def mistakes(
    images: Tensor, labels: Tensor, answers: Tensor, names: Sequence[str], path: Path
) -> None:
    """Some images that were misread: a few in the terminal, more of them in a PNG file.

    Shape: images (N, 1 or 3, H, W) from 0 to 1; labels and answers (N,)
    """
    wrong = (answers != labels).nonzero().flatten().tolist()
    if not wrong:
        say("\nNot one of them was misread.")
        return
    say(f"\nMisread: {len(wrong):,}. Would you have read these?")
    between = " " if max(map(len, names)) == 1 else "\n"
    captions = {
        i: f"{names[labels[i].item()]}, read as{between}{names[answers[i].item()]}"
        for i in wrong[:36]
    }
    few = 8 if images.shape[-1] <= 16 else 6
    show(*(photo(images[i], captions[i]) for i in wrong[:few]))
    try:
        write_png(path, sheet(images[list(captions)], list(captions.values())))
    except OSError as error:
        console.print(f"\nNo picture was saved: {error}", style="yellow", soft_wrap=True)
    else:
        which = "They" if len(captions) == len(wrong) else f"The first {len(captions)}"
        say(f"\n{which} are in {path}.")


def photo(image: Tensor, caption: str = "") -> Text:
    """An image for the terminal: a small one as `picture` draws it, a larger one at half the size.

    In a terminal a larger one keeps its pixels: a character is two of them, one above the other.

    Shape: (1 or 3, H, W) from 0 to 1
    """
    channels, height, _ = image.shape
    if height <= 16:
        return picture(image.mean(0), caption)
    if console.color_system is None or not console.encoding.startswith("utf"):
        return picture(avg_pool2d(image.mean(0, keepdim=True), 2)[0], caption)
    pixels = (image.expand(3, *image.shape[1:]) if channels == 1 else image).permute(1, 2, 0)
    colours = (255 * pixels).round().int().tolist()
    text = Text(caption + "\n" * bool(caption))
    for row in range(0, height - 1, 2):
        for upper, lower in zip(colours[row], colours[row + 1], strict=True):
            text.append("▀", Style(color=_rgb(upper), bgcolor=_rgb(lower)))
        text.append("\n" * (row < height - 2))
    return text


def _rgb(colour: list[int]) -> str:
    return f"rgb({colour[0]},{colour[1]},{colour[2]})"


# ---- comparing -----------------------------------------------------------------------------------


def compare(old: Reader, new: Reader, labels: Tensor) -> None:
    """Predecessor and successor on the same images: what they cost, and what they read."""
    chapter(f"Compared with its predecessor on the same {len(labels):,} images")
    wide = max(len(old.name), len(new.name))
    say(f"{'':{wide}}  {'numbers':>9}  {'right':>7}  {'misread':>7}  training")
    for reader in (old, new):
        numbers = sum(p.numel() for p in reader.model.parameters())
        misread = int((reader.answers != labels).sum().item())
        line = f"{reader.name:{wide}}  {numbers:>9,}  {reader.right(labels):>5.2f} %  {misread:>7,}"
        say(f"{line}  {reader.seconds:.2f} s")
    was_wrong, is_wrong = old.answers != labels, new.answers != labels
    better, worse = (was_wrong & ~is_wrong).sum().item(), (is_wrong & ~was_wrong).sum().item()
    say(
        f"\nOf what {old.name} misread, {new.name} reads {better:,};",
        f"of what {old.name} read, it misreads {worse:,}.",
    )
