# /// script
# requires-python = ">=3.11"
# dependencies = ["nox[uv]>=2025.2"]
# ///
"""The manual of this repository: `nox -l` lists what can be proved, `nox` proves the essentials.

`nox -s NAME -- ARGS` hands ARGS on (to pytest, to a milestone). `TT_TENSOR=~/my/tt-tensor nox` puts
another copy of a layer in the place of ours; every layer has such a variable.
"""

import os
import re
import sys
import tomllib
import zipfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.2"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["house", "layers", "milestones"]

ROOT = Path(__file__).parent
PYTEST = ["pytest>=8", "hypothesis>=6.100"]
RUFF = "ruff>=0.17,<0.18"
MYPY = ["mypy>=2.4,<3", "types-psutil", "types-regex"]
TORCH = "torch==2.13.0"
PEERS = [TORCH, "autograd==1.9.1", "micrograd==0.1.0", "tiktoken", "tokenizers"]
NUMBA, MATPLOTLIB = "numba>=0.65", "matplotlib>=3.9"
# pip's own settings may name a build of PyTorch without CUDA; uv does not read them.
PIP = "virtualenv"

PROJECTS = {
    path.parent.name: tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    for path in sorted(ROOT.glob("packages/*/pyproject.toml"))
}


def closure(name: str, found: tuple[str, ...] = ()) -> tuple[str, ...]:
    """`found`, then whatever `name` needs, lowest first, then `name` itself."""
    for requirement in PROJECTS[name].get("dependencies", []):
        dependency = re.split(r"[^\w-]", requirement)[0]
        if dependency in PROJECTS and dependency not in found:
            found = closure(dependency, found)
    return found if name in found else (*found, name)


LAYERS = tuple(sorted(PROJECTS, key=lambda name: len(closure(name))))  # lower layers first


def source(name: str) -> str:
    """The folder a layer is installed from: ours, or the one that TT_<LAYER> names."""
    variable = name.upper().replace("-", "_")
    if variable not in os.environ:
        return f"./packages/{name}"
    folder = Path(os.environ[variable]).expanduser().resolve()
    if not (folder / "pyproject.toml").is_file():
        raise SystemExit(f"{variable} must name a folder with a pyproject.toml; got {folder}")
    return str(folder)


def install(session: nox.Session, *names: str) -> None:
    """Install `names` and the layers they need, each as a path: no index is asked for them."""
    session.env["UV_NO_SOURCES"] = "1"  # uv's workspace would insist on our own copy of each layer
    wanted: tuple[str, ...] = ()
    for name in names:
        wanted = closure(name, wanted)
    session.install(*map(source, wanted))


def module(name: str) -> str:
    return name.replace("-", "_")


def run_long(session: nox.Session, *command: str) -> None:
    """Run a program that a person watches: output as it comes, time to save after Ctrl-C."""
    session.run(*command, env={"PYTHONUNBUFFERED": "1"}, interrupt_timeout=60, terminate_timeout=10)


# --- nox: the default sessions --------------------------------------------------------------------


@nox.session
def house(session: nox.Session) -> None:
    """The tree keeps its rules: one version, exact declarations, arrows down, safe commands."""
    session.install(*PYTEST)
    session.run("pytest", "tests", *session.posargs)


@nox.session(reuse_venv=False)  # a reused one would still hold what a layer no longer declares
@nox.parametrize("layer", [nox.param(name, id=name) for name in LAYERS])
def layers(session: nox.Session, layer: str) -> None:
    """Each layer works with only what it declares: imports, then tests, doctests, README."""
    folder = f"packages/{layer}"
    install(session, layer)
    session.run("python", "tools/check_layer.py", layer)  # before pytest lends its own dependencies
    session.install(*PYTEST)
    session.run(
        "pytest", f"{folder}/tests", f"{folder}/README.md",
        "--doctest-modules", "--doctest-ignore-import-errors",  # of what optional packages complete
        "--pyargs", module(layer), *session.posargs,
    )  # fmt: skip


@nox.session
def milestones(session: nox.Session) -> None:
    """All layers together: each milestone's claim holds, each example in README and docs runs.

    -- --full asserts the accuracies on MNIST, Fashion-MNIST and CIFAR-10, too: TT_SHARED_DATA names
    the folder that has them.
    """
    install(session, *LAYERS)
    session.install(*PYTEST)
    session.run("pytest", "milestones/tests", "README.md", "docs", *session.posargs)


# --- things to watch ------------------------------------------------------------------------------


@nox.session
def capstone(session: nox.Session) -> None:
    """A GPT built from all layers learns to answer, is optimised, and enters the Olympics."""
    install(session, *LAYERS)
    session.install(NUMBA, MATPLOTLIB)
    run_long(session, "python", "milestones/capstone/capstone.py", *session.posargs)


@nox.session
def olympics(session: nox.Session) -> None:
    """Five events for entries that read digits. nox -s olympics -- FOLDER enters a folder, too."""
    install(session, *LAYERS)
    session.install(MATPLOTLIB)
    run_long(session, "python", "milestones/2018_mlperf/olympics.py", *session.posargs)


@nox.session
def milestone(session: nox.Session) -> None:
    """One milestone, for example: nox -s milestone -- 1986_mlp/mlp_digits.py --quick"""
    here = ROOT / "milestones"
    scripts = sorted(path.relative_to(here).as_posix() for path in here.glob("[0-9]*/*.py"))
    if not session.posargs or session.posargs[0] not in scripts:
        session.error("name one of:\n  " + "\n  ".join(scripts))
    install(session, *LAYERS)
    run_long(session, "python", f"milestones/{session.posargs[0]}", *session.posargs[1:])


@nox.session
def suite(session: nox.Session) -> None:
    """The standard suite: four tasks, three scenarios. nox -s suite -- digits-cnn --entry FOLDER"""
    install(session, "tt-bench")
    run_long(session, "python", "-m", "tt_bench.standard", *session.posargs)


# --- for those who change the code ----------------------------------------------------------------


@nox.session
def lint(session: nox.Session) -> None:
    """The code reads the same everywhere: ruff's rules and ruff's format."""
    session.install(RUFF)
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Every annotation is there and true: mypy, strict, over the sources of all layers."""
    install(session, *LAYERS)
    session.install(*MYPY)
    session.run("mypy", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Every wheel builds with all its files and works in an empty environment."""
    session.install("hatchling>=1.27")
    scratch = Path(session.create_tmp()).resolve()
    wheels, empty = scratch / "wheels", scratch / "empty"
    for old in wheels.glob("*.whl"):
        old.unlink()
    for name in LAYERS:
        with session.chdir(f"packages/{name}"):
            session.run("hatchling", "build", "-t", "wheel", "-d", str(wheels), silent=True)
        (wheel,) = wheels.glob(f"{module(name)}-*.whl")
        src = ROOT / "packages" / name / "src"
        files = [
            path for path in src.rglob("*.*") if path.is_file() and "__pycache__" not in path.parts
        ]
        names = {path.relative_to(src).as_posix() for path in files}
        if missing := names - set(zipfile.ZipFile(wheel).namelist()):
            session.error(f"{wheel.name} lacks {sorted(missing)}")

    session.run("python", "-m", "venv", "--clear", str(empty))
    python = str(empty / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))
    paths = map(str, sorted(wheels.glob("*.whl")))
    session.run(python, "-m", "pip", "install", "-q", *paths, external=True)
    for name in LAYERS:
        code = f"import {module(name)} as layer; print(layer.__name__, layer.__version__)"
        session.run(python, "-c", code, external=True)


@nox.session
def docs(session: nox.Session) -> None:
    """The site builds, strictly: no broken link, no page or name missing. See site/index.html"""
    session.install("-r", "docs/requirements.txt")
    session.run("mkdocs", "build", "--strict", *session.posargs, env={"NO_MKDOCS_2_WARNING": "1"})


# --- against others -------------------------------------------------------------------------------


@nox.session(venv_backend=PIP)
def twins(session: nox.Session) -> None:
    """Independent implementations, PyTorch above all, give the same answers."""
    folders = [*ROOT.glob("packages/*/tests/twins"), *ROOT.glob("packages/*/tests/oracle")]
    folders += ROOT.glob("packages/*/tests/numba/test_pytorch.py")
    tests = sorted(folder.relative_to(ROOT).as_posix() for folder in folders)
    if not tests:
        session.error("no package has tests/twins or tests/oracle")
    install(session, *LAYERS)
    session.install(*PEERS, NUMBA, "transformers>=5,<6", *PYTEST)
    # PyTorch's threads wait for each other busily: on a machine with other work, ten times as long
    one_thread = {"OMP_NUM_THREADS": "1"}
    session.run("pytest", *tests, "--no-skips", *session.posargs, env=one_thread)


@nox.session(venv_backend=PIP)
def peers(session: nox.Session) -> None:
    """Speed and memory side by side with PyTorch and others: prints ratios, writes JSON."""
    install(session, *LAYERS)
    session.install(*PEERS)
    run_long(session, "python", "benchmarks/peers.py", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """Reports open in Chromium: no error, no request. It must be there; CHROMIUM names another."""
    install(session, "tt-bench")
    session.install(MATPLOTLIB, *PYTEST)
    session.run("pytest", "packages/tt-bench/tests/browser", "--no-skips", *session.posargs)


@nox.session
def extras(session: nox.Session) -> None:
    """What optional packages add: loops compiled by numba, drawings, the report's real rows."""
    install(session, *LAYERS)
    session.install(NUMBA, MATPLOTLIB, *PYTEST)
    optimize, bench = "packages/tt-optimize/tests", "packages/tt-bench/tests"
    compiled = "tt_optimize.accelerate.numba"
    session.run(
        "pytest", f"{optimize}/numba", f"{optimize}/report", f"{optimize}/test_roofline.py",
        f"{bench}/test_plots.py", f"{bench}/test_strategies.py", "--doctest-modules", "--pyargs",
        compiled, f"--ignore={optimize}/numba/test_pytorch.py", "--no-skips", *session.posargs,
    )  # fmt: skip


@nox.session(venv_backend=PIP)
def report(session: nox.Session) -> None:
    """What each technique of tt-optimize buys, beside its goal; minutes, on a quiet machine."""
    install(session, *LAYERS)
    session.install(TORCH, NUMBA)
    run_long(session, "python", "-m", "tt_optimize.report", *session.posargs)


@nox.session
def trust(session: nox.Session) -> None:
    """Equals are called a tie, and 5 % are found, in a hundred benchmarks of each kind."""
    install(session, *LAYERS)
    run_long(session, "python", "benchmarks/trust.py", *session.posargs)


if __name__ == "__main__":
    nox.main()
