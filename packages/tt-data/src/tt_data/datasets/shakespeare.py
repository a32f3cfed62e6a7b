"""Tiny Shakespeare: a million characters of plays, downloaded."""

from __future__ import annotations

from pathlib import Path

from ..dataset import Dataset, position
from ..download import cache_folder, fetch

__all__ = ["TinyShakespeare"]

FILE = "tinyshakespeare/input.txt"
URLS = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
)
SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
SIZE = 1_115_394  # bytes
SPLITS = ("train", "val", "all")


class TinyShakespeare(Dataset[str]):
    """1,115,394 characters of Shakespeare's plays, the classic text for character models.

    Item i is a speech: the speaker's name, a colon and the lines. `text` is all of it.

    Args:
        root: the folder that has, or shall have, the file `tinyshakespeare/input.txt`; a folder
            with `input.txt` will do as well. By default the cache folder: $TT_DATA_DIR, if it is
            set.
        split: "train", the first 90 % of the characters (1,003,854); "val", the rest; or "all".
        download: fetch the file if it is not there yet.

    Raises:
        ValueError: if there is no such split, or the file has other bytes than it should.
        FileNotFoundError, ConnectionError: if there is no file: it says which to put where.

    Collected by A. Karpathy, "The Unreasonable Effectiveness of Recurrent Neural Networks" (2015).
    """

    def __init__(
        self, root: str | Path | None = None, split: str = "train", download: bool = True
    ) -> None:
        if split not in SPLITS:
            raise ValueError(f"split: expected one of {', '.join(SPLITS)}; got {split!r}")
        self.split = split
        folder = cache_folder() if root is None else Path(root).expanduser()
        name = "input.txt" if (folder / "input.txt").is_file() else FILE
        path = fetch(name, URLS, SHA256, size=SIZE, folder=folder, download=download)
        text = path.read_bytes().decode("ascii")
        cut = len(text) * 9 // 10
        self.text = {"train": text[:cut], "val": text[cut:], "all": text}[split]
        self.speeches = self.text.strip("\n").split("\n\n")

    def __getitem__(self, index: int) -> str:
        return self.speeches[position(index, len(self), "TinyShakespeare")]

    def __len__(self) -> int:
        return len(self.speeches)
