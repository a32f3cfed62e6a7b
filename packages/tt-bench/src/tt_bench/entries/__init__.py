"""Entries as folders: read, run in a process of their own, watched and weighed."""

from .folder import EntryFolder, write_entry
from .host import EntryProcess, Foul, Limits

__all__ = ["EntryFolder", "EntryProcess", "Foul", "Limits", "write_entry"]
