"""Peak memory of a fresh process."""

import subprocess

import pytest

from tt_bench import measure_peak_rss

MEGABYTE = 1_000_000


@pytest.fixture(autouse=True)
def spender(tmp_path, monkeypatch) -> None:
    source = """
import sys
import time
import numpy as np

held = np.ones(20_000_000, np.int8)   # memory of the module, before the call
if sys.platform == "linux":           # a peak before the call
    big = np.ones(80_000_000, np.int8)
    del big

def spend(megabytes):
    return len(np.ones(megabytes * 1_000_000, np.int8))

def keep(megabytes):
    spend(3 * megabytes)
    return np.ones(megabytes * 1_000_000, np.int8)

def fail():
    print("on its way")
    raise ValueError("this text is to be seen")

def wait():
    time.sleep(60)
"""
    (tmp_path / "spender.py").write_text(source, encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def test_it_grows_by_what_the_call_takes() -> None:
    little, much = measure_peak_rss("spender:spend", 1), measure_peak_rss("spender:spend", 100)
    assert little.before_bytes > 20 * MEGABYTE
    assert 90 * MEGABYTE < much.peak_bytes - little.peak_bytes
    assert much.grown_bytes > 95 * MEGABYTE


def test_what_is_kept_is_less_than_the_peak() -> None:
    spent, kept = measure_peak_rss("spender:spend", 60), measure_peak_rss("spender:keep", 40)
    assert 35 * MEGABYTE < kept.kept_bytes - spent.kept_bytes < 60 * MEGABYTE
    assert kept.peak_bytes > kept.kept_bytes + 50 * MEGABYTE


def test_an_error_comes_through() -> None:
    with pytest.raises(RuntimeError, match="this text is to be seen"):
        measure_peak_rss("spender:fail")


def test_a_time_limit_ends_it() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        measure_peak_rss("spender:wait", timeout_seconds=0.2)
