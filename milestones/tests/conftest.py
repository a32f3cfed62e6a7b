"""Running milestones as a reader does: as programs of their own, in any folder."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

MILESTONES = Path(__file__).parents[1]
FULL = "full: a whole milestone that needs data, or minutes; runs only with --full"
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


@pytest.fixture(scope="session")
def variables() -> Callable[..., dict[str, str]]:
    """`variables(**more)`: those of this process, but none that chooses colours or a width."""
    return environment


def measured_claims(output: str) -> dict[str, float]:
    """What each claim was about, and the number measured, which is compared with its bounds."""
    found = {}
    pattern = r"^Claim: (.+): (.+)\.\n +Measured: ([-+.\w]+)( %| s)?\. (It holds|IT FAILS)\.$"
    for what, bounds, number, unit, verdict in re.findall(pattern, output, re.MULTILINE):
        measured, holds = float(number), True
        for bound in bounds.split(" and "):
            match = re.fullmatch(r"(at least|at most|exactly) ([-.\d]+)" + unit, bound)
            assert match, bound
            least, most = match[1] != "at most", match[1] != "at least"
            holds &= not least or measured >= float(match[2])
            holds &= not most or measured <= float(match[2])
        assert holds == (verdict == "It holds"), what
        found[what] = measured
    assert len(found) == output.count("Claim: "), "a claim that cannot be read"
    return found


@pytest.fixture(scope="session")
def claims() -> Callable[[str], dict[str, float]]:
    """`claims(output)`: what each claim was about, and the number measured."""
    return measured_claims


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="those that need data or minutes, too")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", FULL)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes minutes and needs data, unless it was asked for."""
    if config.getoption("full"):
        return
    left_out = [item for item in items if item.get_closest_marker("full")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
