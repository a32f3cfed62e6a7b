"""The check that each layer's session runs, on small packages with a known fault."""

from pathlib import Path

import pytest
from check_layer import canonical, imports, problems


def check(tmp_path: Path, source: str) -> list[str]:
    """The problems of a package that holds `source`, requires numpy and has the extra numba."""
    folder = tmp_path / "tt_x"
    folder.mkdir()
    (folder / "part.py").write_text(source, encoding="utf-8")
    return problems(folder, required={"numpy"}, optional={"numba"})


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


def test_a_declaration_that_nothing_imports_is_named(tmp_path: Path) -> None:
    assert check(tmp_path, "import sys") == ["tt-x declares numpy and never imports it"]


def test_an_import_is_found_once() -> None:
    found = imports("import a.b, c\ndef f(): from d.e import g")
    assert found == [(1, "a", True), (1, "c", True), (2, "d", False)]


@pytest.mark.parametrize("name", ["tt_nn.a", "tt-nn==1+tt", "tt-nn[b]>=1; extra == 'c'", "TT_NN"])
def test_names_and_requirements_agree(name: str) -> None:
    assert canonical(name) == "tt-nn"
