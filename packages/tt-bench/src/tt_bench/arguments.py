"""What the command lines share: arguments that are refused before anything is measured."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from .entries import EntryFolder

__all__ = ["above_zero", "at_least", "new_file", "read_entries"]


def at_least(least: int) -> Callable[[str], int]:
    """The ``type`` of an option that counts something."""

    def count(text: str) -> int:
        if (number := int(text)) < least:
            raise argparse.ArgumentTypeError(f"expected at least {least}, got {number}")
        return number

    return count


def above_zero(text: str) -> float:
    """The ``type`` of an option that is a time."""
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return number


def new_file(text: str) -> Path:
    """The ``type`` of an option that names a file to be written: its folder is there."""
    path = Path(text)
    if not path.parent.is_dir() or path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} cannot be written: expected a file in a folder")
    return path


def read_entries(
    parser: argparse.ArgumentParser, paths: Sequence[str | Path], taken: Sequence[str] = ()
) -> list[EntryFolder]:
    """The entries in these folders; if one is none, the program ends and says why.

    Args:
        taken: names that others have already.
    """
    try:
        entries = [EntryFolder.read(path) for path in paths]
    except (OSError, ValueError) as error:
        parser.error(str(error))
    names = list(taken)
    for entry in entries:
        if entry.name in names:
            parser.error(
                f"{entry.path} enters as {entry.name!r}, as another does; change the name in its "
                "entry.toml"
            )
        names.append(entry.name)
    return entries
