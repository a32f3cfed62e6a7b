"""Entries as folders: read, run in a process of their own, watched and weighed."""

from .folder import EntryFolder, write_entry
from .host import EntryProcess, Foul, Limits, keep_compiled

__all__ = ["EntryFolder", "EntryProcess", "Foul", "Limits", "keep_compiled", "write_entry"]
