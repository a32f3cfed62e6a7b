"""What an entry may not do, told by Python's audit events.

A hook that is added cannot be taken away, and it hears of every file that is opened, every import,
every program that is started. It is a fence, not a prison. What a library written in C or Rust does
by itself is not heard, and code that is bent on it gets out by `ctypes`, or by way of the frames of
those who called it. Whoever judges strangers puts the judge into a container besides.

Source: PEP 578, *Python Runtime Audit Hooks*.
"""

from __future__ import annotations

import importlib.util
import os
import pathlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

__all__ = ["FORBIDDEN", "Guard"]

FORBIDDEN: Mapping[str, str] = {
    "tt_data": "which has the test data",
    "sklearn.datasets": "which has the test data",
    "tt_bench": "which is the judge's",
    "tracemalloc": "with which the judge weighs",
    "_tracemalloc": "with which the judge weighs",
    "_posixsubprocess": "which starts other programs",
}
DATA = ("tt_data", "sklearn.datasets", "tt_bench")  # whose files are not read either

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
SYSTEM = ("/proc", "/sys", "/etc", "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
# How many of an event's last details are open folders, to which its paths are relative.
CHANGES = {
    "os.chmod": 1, "os.chown": 1, "os.link": 2, "os.mkdir": 1, "os.remove": 1, "os.rename": 2,
    "os.rmdir": 1, "os.symlink": 1, "os.truncate": 0, "os.utime": 1, "shutil.rmtree": 1,
}  # fmt: skip
PROGRAMS = (
    "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile", "os.system",
    "subprocess.Popen", "pty.spawn",
)  # fmt: skip
OTHERS = {
    "os.killpg": "it sends signals to other processes",
    "resource.prlimit": "it changes limits",
    "resource.setrlimit": "it changes limits",
    "gc.get_objects": "it looks for objects that are not its own",
    "gc.get_referrers": "it looks for objects that are not its own",
    "sys._current_frames": "it looks for objects that are not its own",
    "mmap.__new__": "it maps memory, which cannot be weighed; read the file instead",
}


def _own_paths() -> Any:
    """A copy of ``os.path`` for the guard: an entry can alter the one that all share."""
    spec = os.path.__spec__
    assert spec is not None and spec.loader is not None
    paths: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(paths)
    paths.os = SimpleNamespace(**vars(os))
    return paths


class Guard:
    """Watches from the moment it is made, for as long as the process lives.

    Args:
        foul: is told what the entry did, and does not return.
        home: the entry's folder, which it may write, and read until it is ``loaded``.
        work: a folder, empty at first, that it may write and read at any time.
        forbidden: what may not be imported, and why.
        data: which of these have files that may not be read.
    """

    def __init__(
        self,
        foul: Callable[[str], None],
        home: Path,
        work: Path,
        forbidden: Mapping[str, str] = FORBIDDEN,
        data: Sequence[str] = DATA,
    ) -> None:
        self.foul = foul
        self.paths = _own_paths()
        self.kinds = (str, bytes, pathlib.PosixPath, pathlib.WindowsPath)
        self.process = str(os.getpid())
        self.home, self.work = os.path.realpath(home), os.path.realpath(work)
        self.forbidden = dict(forbidden)
        self.loaded = False  # once it is, the home is not read any more
        roots = {sys.prefix, sys.base_prefix, *filter(os.path.isdir, sys.path)}
        self.libraries = tuple(sorted(map(os.path.realpath, roots)))
        self.data = tuple(
            os.path.join(root, *name.split(".")) for root in self.libraries for name in data
        )
        sys.addaudithook(self.hear)

    def hear(self, event: str, details: tuple[Any, ...]) -> None:
        """One audit event."""
        if event == "builtins.id":
            return  # there are dozens to a query, and what they cost would be the entry's
        if event == "open":
            self.opened(*details)
        elif event == "import":
            self.imported(str(details[0]))
        elif event in CHANGES:
            self.changed(event, details)
        elif event == "sqlite3.connect":
            if details[0] != ":memory:":
                self.opened(details[0], None, os.O_RDWR)
        elif event in PROGRAMS:
            self.foul(f"it starts another program ({event})")
        elif event == "os.kill":
            if details[0] != int(self.process):
                self.foul("it sends signals to other processes (os.kill)")
        elif event in OTHERS:
            self.foul(f"{OTHERS[event]} ({event})")
        elif event.startswith("socket.") and event not in ("socket.__new__", "socket.gethostname"):
            self.foul(f"it uses the network ({event})")

    def imported(self, name: str) -> None:
        """A module is about to be imported."""
        for module, why in self.forbidden.items():
            if name == module or name.startswith(module + "."):
                self.foul(f"it imports {name}, {why}")

    def changed(self, event: str, details: tuple[Any, ...]) -> None:
        """A file or folder is about to be made, renamed or removed."""
        paths = [part for part in details if isinstance(part, str | bytes | os.PathLike)]
        folders = details[len(details) - CHANGES[event] :] or (-1,)
        for number, path in enumerate(paths):
            folder = folders[min(number, len(folders) - 1)]
            for real in self.places(path, [] if folder in (-1, None) else [folder]):
                if not self.inside(real, (self.home, self.work)):
                    self.foul(f"it changes {self.text(path)}, outside its folder ({event})")

    def opened(self, path: Any, mode: Any, flags: int) -> None:
        """A file is about to be opened. Only ``os.open`` says no mode; its path may be relative to
        any folder that is open."""
        if not isinstance(path, str | bytes | os.PathLike):
            return  # a number: something that is open already
        shown = self.text(path)
        for real in self.places(path, self.open_folders() if mode is None else []):
            if flags & WRITING:
                if not self.inside(real, (self.home, self.work, "/dev/null")):
                    self.foul(f"it writes {shown}, outside its folder")
            elif self.inside(real, self.data):
                self.foul(f"it reads {shown}, which belongs to the test data")
            elif self.inside(real, (self.home,)):
                if self.loaded:
                    self.foul(f"it reads {shown} while it answers; files are read in load()")
            elif not self.inside(real, (self.work, *self.libraries, *SYSTEM)):
                self.foul(f"it reads {shown}, outside its folder")
            elif self.is_of_another(real):
                self.foul(f"it reads {shown}, which is another process's")

    def is_of_another(self, real: str) -> bool:
        """Does the path lead into the memory or the files of another process?"""
        top, _, rest = real[1:].partition("/")
        number = rest.partition("/")[0]
        return top == "proc" and number.isdigit() and number != self.process

    def text(self, path: Any) -> str:
        """The path as a text that is nothing but a text, whatever class it is of."""
        if not isinstance(path, str | bytes) and type(path) not in self.kinds:
            self.foul(f"it names a file by an object of its own kind, {type(path).__name__}")
        if isinstance(path, bytes):
            return bytes.decode(path, "utf-8", "surrogateescape")
        return str.__str__(path if isinstance(path, str) else str(path))

    def open_folders(self) -> list[int]:
        """The numbers of all folders that are open, where the system shows them."""
        shown = "/proc/self/fd"
        numbers = os.listdir(shown) if self.paths.isdir(shown) else []
        return [int(number) for number in numbers if self.paths.isdir(f"{shown}/{number}")]

    def places(self, path: Any, folders: Sequence[int]) -> Iterator[str]:
        """Where the path leads, whatever links it goes through: from here, and from folders that
        are open."""
        text = self.text(path)
        yield self.paths.realpath(text)
        for folder in folders:
            yield self.paths.realpath(self.paths.join(f"/proc/self/fd/{folder}", text))

    def inside(self, real: str, folders: Sequence[str]) -> bool:
        """Is it one of the folders, or in one of them?"""
        return any(real == folder or real.startswith(folder + os.sep) for folder in folders)
