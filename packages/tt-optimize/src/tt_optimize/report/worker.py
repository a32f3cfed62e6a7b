"""A row in a process of its own: told by JSON what to measure, it answers with JSON.

    python -m tt_optimize.report.worker '{"row": "kv-cache", "folder": "models", "seed": 0, ...}'

How many threads NumPy, numba and PyTorch use is decided when they are loaded, by the environment
that whoever starts the process gives it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from .outcome import Row, Setting
from .rows import ROWS

__all__ = ["THREAD_VARIABLES", "environment", "find_row", "main"]

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
KERNELS = ("OPENBLAS_", "MKL_", "BLIS_", "ONEDNN_", "ATEN_", "NPY_")


def environment(
    row: Row, variables: Mapping[str, str], keep_kernels: bool = False
) -> dict[str, str]:
    """The environment for a row: one thread if it is to have one, and kernels as libraries choose.

    Variables such as OPENBLAS_CORETYPE, which choose kernels for another processor, would slow one
    contender and not the other; they go, unless ``keep_kernels``.
    """
    kept = {
        name: text
        for name, text in variables.items()
        if keep_kernels or not name.startswith(KERNELS) or name in THREAD_VARIABLES
    }
    return kept | (dict.fromkeys(THREAD_VARIABLES, "1") if row.one_thread else {})


def find_row(name: str) -> Row:
    """The row of that name.

    Raises:
        ValueError: there is none; the message names all.
    """
    for row in ROWS:
        if row.name == name:
            return row
    raise ValueError(f"expected a row among {', '.join(row.name for row in ROWS)}; got {name!r}")


def main(text: str) -> None:
    """Measure what the JSON says; the outcomes are the last line of the output."""
    order = json.loads(text)
    setting = Setting(
        Path(order["folder"]),
        order["seed"],
        order["quick"],
        lambda words: print(f"  {words}", file=sys.stderr, flush=True),
    )
    outcomes = find_row(order["row"]).run(setting)
    print(json.dumps([outcome.to_dict() for outcome in outcomes], allow_nan=False))


if __name__ == "__main__":
    main(sys.argv[1])
