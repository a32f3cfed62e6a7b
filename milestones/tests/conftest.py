"""Running milestones as a reader does: as programs of their own, in any folder."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

MILESTONES = Path(__file__).parents[1]
Run = Callable[..., subprocess.CompletedProcess[str]]

# Runs a script after something was taken away from the packages.
WITHOUT = """
import runpy, sys
def missing(*args, **kwargs):
    raise {error}
{setup}
sys.argv = sys.argv[1:]
sys.path[0] = sys.argv[0].rpartition("/")[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def environment(**more: str) -> dict[str, str]:
    """The variables of this process, but none that chooses colours or a width."""
    dropped = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
    return {name: value for name, value in os.environ.items() if name not in dropped} | more


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """`run(script, *options, without=, error=, **variables)`: the output is piped."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")

    def run_script(
        script: str, *options: str, without: str = "", error: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error"]
        if without:
            command += ["-c", WITHOUT.format(setup=without, error=error)]
        command += [(MILESTONES / script).as_posix(), *options]
        return subprocess.run(
            command, cwd=elsewhere, env=environment(**variables), capture_output=True, text=True
        )

    return run_script
