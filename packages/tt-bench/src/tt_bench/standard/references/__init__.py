"""The reference entries' code: each file is the ``entry.py`` of one task's reference."""
