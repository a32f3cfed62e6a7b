"""Freed memory is kept: the kernel has no pages to hand out a second time."""

import subprocess
import sys

import pytest

from tt_optimize import keep_memory

# A step allocates 20 arrays of 2 MB and frees them all, as a graph is freed by its backward pass.
FAULTS = """
import resource
import numpy as np
from tt_optimize import keep_memory

def faults(steps=5):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(steps):
        arrays = [np.ones(250_000) for _ in range(20)]
        del arrays
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults()  # the C library adapts at first
given_back = faults()
kept = keep_memory()
faults()
print(kept, given_back, faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other allocators")
def test_pages_are_not_asked_for_again() -> None:
    command = [sys.executable, "-W", "error", "-c", FAULTS]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    kept, given_back, faults = result.stdout.split()
    if kept == "False":
        pytest.skip("this C library is not glibc")
    assert int(given_back) > 5000  # 40 MB are 10,000 pages of 4 KB
    assert int(faults) < int(given_back) / 20


def test_elsewhere_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert keep_memory() is False


def test_a_number_that_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="expected a number of bytes, 0 or more; got -1"):
        keep_memory(-1)
