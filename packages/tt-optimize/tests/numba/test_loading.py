"""What loading the backend does to the process, and where the compiled code is kept."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SHOW = (
    "import os; import tt_optimize.accelerate.numba; print(os.environ['OMP_WAIT_POLICY'])",
    "from tt_optimize.accelerate.numba.adam import adam_kernel as kernel; import numpy as np;"
    "x = np.ones((4, 3), np.float32); one = np.float32(1);"
    "kernel(*x, one, one, one, one, one, one); print(kernel.stats.cache_path)",
)


def run(code: str, **environment: str) -> str:
    kept = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=kept | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("given", "found"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")]
)
def test_threads_wait_passively_unless_told(given: dict[str, str], found: str) -> None:
    assert run(SHOW[0], **given) == found


def test_numba_is_not_loaded_before_it_is_asked_for() -> None:
    code = (
        "import sys, tt_optimize; from tt_optimize import accelerate; print('numba' in sys.modules)"
    )
    assert run(code) == "False"


def test_compiled_code_is_kept_where_one_says(tmp_path: Path) -> None:
    """As it is in a user's folder if the package's own cannot be written."""
    path = run(SHOW[1], NUMBA_CACHE_DIR=str(tmp_path))
    assert Path(path).is_relative_to(tmp_path)
    assert list(tmp_path.rglob("adam.adam_kernel*.nbc"))
