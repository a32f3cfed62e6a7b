"""An entry as a folder: what it is called, its weights, and its code.

    my-entry/
        entry.toml
        weights.safetensors      (and whatever else its code reads)
        entry.py                 def load(folder): ... return predict

``entry.toml`` says

    name = "int8 with a cache"
    techniques = ["int8 weights", "kv cache"]
    code = "entry.py"

``load`` gets the folder's path and returns the function that answers one query. All that it reads
is read there: once the first query is put, no more files are opened.
"""

from __future__ import annotations

import json
import shutil
import stat
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..entry import check_name

__all__ = ["CODE", "SETTINGS", "EntryFolder", "copy_entry", "write_entry"]

SETTINGS, CODE = "entry.toml", "entry.py"
KEYS = {"name", "techniques", "code"}
LARGEST_SETTINGS = 1 << 16  # bytes of entry.toml
LARGEST_FOLDER = 1 << 31  # bytes of all its files


@dataclass(frozen=True)
class EntryFolder:
    """A competitor that the judge runs in a process of its own.

    Attributes:
        path: the folder.
        name: how the results call it.
        techniques: the optimisations in it, for the tables.
        code: the file that has ``load(folder)``.
    """

    path: Path
    name: str
    techniques: tuple[str, ...] = ()
    code: str = CODE

    @classmethod
    def read(cls, path: str | Path) -> EntryFolder:
        """Read a folder's entry.toml.

        Raises:
            FileNotFoundError: it, or the code it names, is not there.
            ValueError: it says something else than expected.
        """
        folder = Path(path).resolve()
        settings = folder / SETTINGS
        if not settings.is_file():
            raise FileNotFoundError(
                f"{folder} has no {SETTINGS}; an entry needs one, such as:\n"
                f'name = "{folder.name}"\ntechniques = ["int8 weights"]\ncode = "{CODE}"'
            )
        if settings.stat().st_size > LARGEST_SETTINGS:
            raise ValueError(f"{settings} has more than {LARGEST_SETTINGS:,} bytes")
        try:
            found = tomllib.loads(settings.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{settings} is no TOML: {error}") from None
        if unknown := found.keys() - KEYS:
            raise ValueError(f"{settings}: unknown {sorted(unknown)}; known are {sorted(KEYS)}")
        name = found.get("name", folder.name)
        techniques, code = found.get("techniques", []), found.get("code", CODE)
        if not (_is_text(name) and _is_text(code) and isinstance(techniques, list)) or not all(
            map(_is_text, techniques)
        ):
            raise ValueError(
                f"{settings}: name and code must be texts and techniques a list of texts, got "
                f"{name!r}, {code!r} and {techniques!r}"
            )
        for text in (name, *techniques):
            check_name(text)
        file = (folder / code).resolve()
        if Path(code).is_absolute() or not file.is_relative_to(folder) or not file.is_file():
            raise FileNotFoundError(
                f"{settings} names the code {code!r}, which is no file in {folder}"
            )
        return cls(folder, name, tuple(techniques), code)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def copy_entry(source: Path, target: Path) -> None:
    """Copy an entry's files. A link stays a link, and what it leads to is not copied.

    Raises:
        ValueError: there is something else than files, folders and links, or too much of it.
        OSError: it cannot be read or written.
    """
    total = 0
    for path in source.rglob("*"):
        found = path.lstat()
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode) or path.is_symlink()):
            raise ValueError(f"{path.name!r} is no file, folder or link")
        total += found.st_size
    if total > LARGEST_FOLDER:
        raise ValueError(f"it has {total:,} bytes; at most {LARGEST_FOLDER:,} are allowed")
    shutil.copytree(source, target, symlinks=True)


def write_entry(
    path: str | Path, name: str, code: str, techniques: Sequence[str] = ()
) -> EntryFolder:
    """Make a folder an entry: write its entry.toml and entry.py. Weights are saved beside them.

    Args:
        code: the source of entry.py, which has ``load(folder)``.
    """
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CODE).write_text(code, encoding="utf-8")
    listed = ", ".join(map(json.dumps, techniques))  # a JSON text is a TOML text
    settings = f"name = {json.dumps(name)}\ntechniques = [{listed}]\ncode = {json.dumps(CODE)}\n"
    (folder / SETTINGS).write_text(settings, encoding="utf-8")
    return EntryFolder.read(folder)
