"""What an entry may not do, told by Python's audit events.

A hook that is added cannot be taken away, and it hears of every file that is opened, every import,
every program that is started. It is a fence, not a prison: code that is bent on it gets out through
a C library (`ctypes`). Whoever judges strangers puts the judge into a container besides.

Source: PEP 578, *Python Runtime Audit Hooks*.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

__all__ = ["Guard"]

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
SYSTEM = ("/proc", "/sys", "/dev", "/etc")  # facts about the machine
CHANGES = {
    "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
    "os.symlink", "os.truncate", "os.utime", "shutil.rmtree",
}  # fmt: skip
PROGRAMS = (
    "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile", "os.system",
    "subprocess.Popen", "pty.spawn",
)  # fmt: skip


class Guard:
    """Watches from the moment it is made, for as long as the process lives.

    Args:
        foul: is told what the entry did, and does not return.
        home: the entry's folder, which it may write, and read until it is ``loaded``.
        work: a folder, empty at first, that it may write and read at any time.
        modules: packages that may not be imported, nor their files read: they have the test data.
    """

    def __init__(
        self,
        foul: Callable[[str], None],
        home: Path,
        work: Path,
        modules: Sequence[str] = ("tt_data",),
    ) -> None:
        self.foul = foul
        self.home, self.work = os.path.realpath(home), os.path.realpath(work)
        self.modules = frozenset(modules)
        self.loaded = False  # once it is, the home is not read any more
        roots = {sys.prefix, sys.base_prefix, *filter(os.path.isdir, sys.path)}
        self.libraries = tuple(sorted(map(os.path.realpath, roots)))
        self.forbidden = tuple(
            os.path.join(root, module) for root in self.libraries for module in self.modules
        )
        sys.addaudithook(self.hear)

    def hear(self, event: str, details: tuple[Any, ...]) -> None:
        """One audit event."""
        if event == "builtins.id":
            return  # there are dozens to a query, and what they cost would be the entry's
        if event == "open":
            self.opened(*details)
        elif event == "import":
            if str(details[0]).partition(".")[0] in self.modules:
                self.foul(f"it imports {details[0]}, which has the test data")
        elif event in CHANGES:
            paths = [part for part in details if isinstance(part, str | bytes | os.PathLike)]
            for path in paths:
                if not self.inside(path, (self.home, self.work)):
                    self.foul(f"it changes {os.fsdecode(path)}, outside its folder ({event})")
        elif event in PROGRAMS:
            self.foul(f"it starts another program ({event})")
        elif event.startswith("socket.") and event not in ("socket.__new__", "socket.gethostname"):
            self.foul(f"it uses the network ({event})")

    def opened(self, path: Any, mode: Any, flags: int) -> None:
        """A file is about to be opened."""
        if not isinstance(path, str | bytes | os.PathLike):
            return  # a number: something that is open already
        shown = os.fsdecode(path)
        if flags & WRITING:
            if not self.inside(path, (self.home, self.work, "/dev/null")):
                self.foul(f"it writes {shown}, outside its folder")
        elif self.inside(path, self.forbidden):
            self.foul(f"it reads {shown}, which belongs to the test data")
        elif self.inside(path, (self.home,)):
            if self.loaded:
                self.foul(f"it reads {shown} while it answers; files are read in load()")
        elif not self.inside(path, (self.work, *self.libraries, *SYSTEM)):
            self.foul(f"it reads {shown}, outside its folder")

    def inside(self, path: Any, folders: Sequence[str]) -> bool:
        """Is the path one of the folders, or in one of them, whatever links it goes through?"""
        real = os.path.realpath(os.fsdecode(path))
        return any(real == folder or real.startswith(folder + os.sep) for folder in folders)
