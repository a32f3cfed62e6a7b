"""What the milestones share: their options, their claims, and pictures for the terminal.

In a terminal, pictures are coloured squares. Piped, or with NO_COLOR set, they are characters.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

try:
    from rich.console import Console
    from rich.style import Style
    from rich.table import Table
    from rich.text import Text

    import tt_tensor as torch
    from tt_tensor import Tensor
except ModuleNotFoundError as error:
    script = "/".join(sys.argv[0].replace("\\", "/").split("/")[-2:])
    sys.exit(
        f"This milestone needs {error.name}, which is not installed here.\n"
        "help: this makes an environment with everything and runs it, in the repository's root:\n"
        f"  nox -s milestone -- {script}"
    )

console = Console(
    color_system=None if os.environ.get("NO_COLOR") else "auto",
    highlight=False,
    markup=False,
    emoji=False,
)

# ---- words ---------------------------------------------------------------------------------------


def options(story: str | None) -> argparse.ArgumentParser:
    """A parser for the options every milestone has; `story` is shown by --help."""
    parser = argparse.ArgumentParser(
        description=story, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="for all random numbers (default: 0)")
    parser.add_argument("--quick", action="store_true", help="less work, and a weaker claim")
    return parser


def at_least(least: int) -> Callable[[str], int]:
    """The `type` of an option that counts something."""

    def count(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"expected a whole number, got {text!r}") from None
        if number < least:
            raise argparse.ArgumentTypeError(f"expected at least {least}, got {number}")
        return number

    return count


def begin(story: str | None, quick: str = "") -> None:
    """Show the title and the story; `quick` says what is different in a quick version."""
    title, _, rest = (story or "").strip().partition("\n")
    console.print(title, style="bold", soft_wrap=True)
    console.print(rest.rstrip(), soft_wrap=True)
    if quick:
        console.print(f"\nThis is the quick version: {quick}", style="yellow", soft_wrap=True)


def chapter(title: str) -> None:
    """A heading."""
    console.print(f"\n{title}\n{'-' * len(title)}", style="bold cyan", soft_wrap=True)


def say(*lines: str) -> None:
    """Lines of the story."""
    console.print(*lines, sep="\n", soft_wrap=True)


@contextmanager
def reading_data(
    help_: str = "the digits are a file of the package tt-data; install packages/tt-data again",
) -> Iterator[None]:
    """If reading fails in this block, say what helps and leave: nothing stands in for data."""
    try:
        yield
    except (OSError, ValueError) as error:
        sys.exit(
            f"This milestone cannot read its data, so it claims nothing.\n{error}\nhelp: {help_}"
        )


@contextmanager
def stoppable() -> Iterator[None]:
    """Ctrl-C in this block ends the program with status 130, without a traceback."""
    try:
        yield
    except KeyboardInterrupt:
        say("\nStopped.")
        sys.exit(130)


# ---- claims --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claim:
    """What a milestone says it can do, and what was measured.

    Args:
        what: the thing measured, for example "unseen digits that are read correctly".
        measured: the number, from this run.
        at_least, at_most: its bounds; with both the same it has to be that number.
        unit: written behind each number.
    """

    what: str
    measured: float
    at_least: float = float("-inf")
    at_most: float = float("inf")
    unit: str = ""

    @property
    def holds(self) -> bool:
        """Whether the number lies within its bounds; nan lies nowhere."""
        return self.at_least <= self.measured <= self.at_most

    def __str__(self) -> str:
        """The claim in one line; in a second one the number and the verdict."""
        bounds = [f"at least {self.at_least:g}{self.unit}"] if self.at_least > float("-inf") else []
        if self.at_most < float("inf"):
            bounds.append(f"at most {self.at_most:g}{self.unit}")
        if self.at_least == self.at_most:
            bounds = [f"exactly {self.at_least:g}{self.unit}"]
        verdict = "It holds." if self.holds else "IT FAILS."
        wanted = " and ".join(bounds)
        measured = f"Measured: {self.measured:.5g}{self.unit}. {verdict}"
        return f"Claim: {self.what}: {wanted}.\n       {measured}"


def conclude(*claims: Claim, afterwards: Callable[[], None] | None = None) -> NoReturn:
    """Show each claim and leave the program, with status 1 if any of them fails.

    `afterwards` is what there is to do before one leaves.
    """
    chapter("What was claimed")
    for claim in claims:
        console.print(str(claim), style="green" if claim.holds else "bold red", soft_wrap=True)
    if afterwards is not None:
        afterwards()
    sys.exit(0 if claims and all(claim.holds for claim in claims) else 1)


# ---- pictures ------------------------------------------------------------------------------------

INK = (". ", ": ", "- ", "= ", "++", "**", "##", "%%", "@@")  # from no ink to much
SIGNED = ("= ", "- ", ". ", "+ ", "# ")  # from strongly negative to strongly positive


def picture(values: Tensor, caption: str = "") -> Text:
    """A matrix as squares, two characters wide each.

    A matrix without negative numbers is ink: the more, the brighter. In any other matrix blue (in
    plain characters + and #) is above zero and orange (- and =) below.

    Shape: (H, W)
    """
    signed, largest = values.min().item() < 0, values.abs().max().item() or 1.0
    rows = [
        Text.assemble(*(_square(value / largest, signed) for value in row))
        for row in values.tolist()
    ]
    return Text("\n").join([Text(caption)] * bool(caption) + rows)


def _square(value: float, signed: bool) -> tuple[str, Style]:
    """A number from -1 to 1: the characters and their style."""
    if console.color_system is None:
        return SIGNED[round(2 * value) + 2] if signed else INK[round(8 * value)], Style()
    light = round(40 + 215 * abs(value))
    red, green, blue = light, light, light
    if signed:
        green = round(40 + 100 * abs(value))
        red, blue = (40, light) if value > 0 else (light, 40)
    return "  ", Style(bgcolor=f"rgb({red},{green},{blue})")


def surface(decide: Callable[[Tensor], Tensor], caption: str = "") -> Text:
    """What is decided in the square from -0.75 to 1.75, x1 to the right and x2 upwards.

    Green (in plain characters +) is 1, blue (.) is 0. At the four points of XOR stands the answer
    that is wanted there.

    Shape: decide takes (N, 2) and gives (N,) of 0 and 1
    """
    side = 11  # the four points lie in the middle of squares 3 and 7
    ticks = torch.linspace(-0.75, 1.75, side)
    x1, x2 = ticks.expand(side, side), ticks.flip(0).reshape(side, 1).expand(side, side)
    answers = decide(torch.stack([x1.flatten(), x2.flatten()], 1)).reshape(side, side).tolist()
    wanted = {(7, 3): "0", (7, 7): "1", (3, 3): "1", (3, 7): "0"}
    rows = [Text(caption)] * bool(caption)
    for row, line in enumerate(answers):
        text = Text()
        for column, answer in enumerate(line):
            mark = wanted.get((row, column), "")
            if console.color_system is None:
                text.append(mark.ljust(2) if mark else "+ " if answer else ". ")
            else:
                text.append(mark.ljust(2), "bold white on " + ("green4" if answer else "navy_blue"))
        rows.append(text)
    return Text("\n").join(rows)


def show(*pictures: Text) -> None:
    """Pictures side by side, as many in a row as there is room for."""
    row: list[Text] = []
    used = 0
    for each in pictures:
        width = max(map(len, each.plain.split("\n"))) + 3
        if row and used + width > console.width:
            _show_row(row)
            row, used = [], 0
        row.append(each)
        used += width
    _show_row(row)


def _show_row(row: list[Text]) -> None:
    grid = Table.grid(padding=(0, 3))
    grid.add_row(*row)
    console.print()
    console.print(grid)


def bars(rows: Sequence[tuple[str, float]]) -> None:
    """A label, a bar and the number, for each; of many rows only the first and the last."""
    largest = max((number for _, number in rows), default=0) or 1
    for i, (label, number) in enumerate(rows):
        if len(rows) > 20 and 10 <= i < len(rows) - 5:
            if i == 10:
                say("...")
            continue
        line = Text(f"{label}  ")
        line.append("#" * round(40 * number / largest), "yellow")
        console.print(line, f"{number:g}", soft_wrap=True)
