"""The report: what the techniques of this package reach on this machine, measured while you wait.

    python -m tt_optimize.report                  everything: some minutes
    python -m tt_optimize.report --only decode    one row
    python -m tt_optimize.report --quick          every row in seconds, which claims nothing

Each row is a file in ``rows/`` and says what is measured on what, by turns, and what is to be
reached. It trains the models it needs itself. See the README for what must be installed.
"""

from .outcome import Goal, Outcome, Row, Setting
from .rows import ROWS

__all__ = ["ROWS", "Goal", "Outcome", "Row", "Setting"]
