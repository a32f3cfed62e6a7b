"""The check that each layer's session runs, on small packages with a known fault."""

import importlib
from pathlib import Path

import pytest
from check_layer import canonical, declarations, imports, modules, problems

EXTRAS = {"numba": {"numba"}, "plots": {"matplotlib"}}


def check(tmp_path: Path, source: str, file: str = "part.py") -> list[str]:
    """The problems of a package that holds `source`, requires numpy and has two extras."""
    path = tmp_path / "tt_x" / file
    path.parent.mkdir(parents=True)
    path.write_text(source, encoding="utf-8")
    return problems(tmp_path / "tt_x", required={"numpy"}, extras=EXTRAS)


@pytest.mark.parametrize(
    "source",
    [
        "import numpy",
        "import numpy, sys, collections.abc",
        "from numpy.linalg import norm\nfrom tt_x.part import y\nfrom . import z",
        "import numpy\ndef f():\n    import numba",
        "import numpy\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import numba",
    ],
)
def test_declared_imports_pass(tmp_path: Path, source: str) -> None:
    assert check(tmp_path, source) == []


@pytest.mark.parametrize(
    "source",
    [
        "import rich",
        "from rich.table import Table",
        "def f():\n    import rich",
        "try:\n    import rich\nexcept ImportError:\n    rich = None",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import rich",
        "import importlib\nimportlib.import_module('rich.table')",
        "from importlib import import_module\nimport_module('rich')",
    ],
)
def test_an_undeclared_import_is_named(tmp_path: Path, source: str) -> None:
    (problem,) = check(tmp_path, "import numpy\n" + source)
    line = 1 + next(n for n, text in enumerate(source.splitlines(), 1) if "rich" in text)
    assert problem == f"tt_x/part.py:{line} imports rich, which tt-x does not declare"


@pytest.mark.parametrize(
    "source", ["import numba", "class A:\n    import numba", "if True:\n    import numba"]
)
def test_an_extra_may_not_be_imported_at_load(tmp_path: Path, source: str) -> None:
    (problem,) = check(tmp_path, "import numpy\n" + source)
    assert "outside the function" in problem


@pytest.mark.parametrize("file", ["numba/__init__.py", "loops/numba/parts/exp.py"])
def test_a_subpackage_named_like_an_extra_may_import_it_at_load(tmp_path: Path, file: str) -> None:
    assert check(tmp_path, "import numpy, numba", file) == []


@pytest.mark.parametrize(
    ("source", "file"),
    [
        ("import numba", "numba.py"),
        ("import matplotlib", "numba/a.py"),
        ("import numba", "numbas/a.py"),
    ],
)
def test_but_no_other_module_or_extra(tmp_path: Path, source: str, file: str) -> None:
    (problem,) = check(tmp_path, "import numpy\n" + source, file)
    assert "outside the function" in problem


def test_modules_of_an_absent_extra_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = ["__init__.py", "a.py", "lost/__init__.py", "lost/b.py", "json/__init__.py"]
    for file in [*files, "json/c.py"]:
        path = tmp_path / "tt_absent_extra" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("import no_such_package" if file == "lost/b.py" else "", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    package = importlib.import_module("tt_absent_extra")
    found = modules(package, {"lost": {"no-such-package"}, "json": {"json"}})
    assert sorted(found) == [f"tt_absent_extra.{name}" for name in ("a", "json", "json.c")]


def test_requirements_and_extras_are_told_apart() -> None:
    listed = ["numpy>=2.1", "tt-nn==1+tt", 'numba>=0.65; extra == "numba"', "rich; extra == 'x_y'"]
    assert declarations(listed) == ({"numpy", "tt-nn"}, {"numba": {"numba"}, "x-y": {"rich"}})


def test_a_declaration_that_nothing_imports_is_named(tmp_path: Path) -> None:
    assert check(tmp_path, "import sys") == ["tt-x declares numpy and never imports it"]


def test_an_import_is_found_once() -> None:
    found = imports("import a.b, c\ndef f(): from d.e import g")
    assert found == [(1, "a", True), (1, "c", True), (2, "d", False)]


@pytest.mark.parametrize("name", ["tt_nn.a", "tt-nn==1+tt", "tt-nn[b]>=1; extra == 'c'", "TT_NN"])
def test_names_and_requirements_agree(name: str) -> None:
    assert canonical(name) == "tt-nn"
