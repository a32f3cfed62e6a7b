"""The rules of the house, read from the files: nothing is installed to run these."""

import ast
import os
import re
import tomllib
from pathlib import Path

import pytest
from check_layer import canonical, imports, problems

ROOT = Path(__file__).parents[1]
PROJECTS = {
    path.parent.name: tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    for path in sorted(ROOT.glob("packages/tt-*/pyproject.toml"))
}
# What lies lower comes first: a layer knows those before it and none after.
ORDER = [
    "tt-tensor",
    "tt-autograd",
    "tt-nn",
    "tt-data",
    "tt-text",
    "tt-models",
    "tt-optimize",
    "tt-bench",
]
PICKLERS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve"}

each_package = pytest.mark.parametrize("name", PROJECTS)


def read(path: Path | str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def is_ours(folder: Path) -> bool:
    """Is this folder part of the repository: not hidden, not built, not an environment?"""
    built = folder.name in ("site", "dist") or (folder / "pyvenv.cfg").exists()
    return not built and not folder.name.startswith(".")


def files(*suffixes: str) -> list[str]:
    """The repository's files with one of these suffixes, as paths from its root."""
    found = []
    for folder, below, names in os.walk(ROOT):
        below[:] = [name for name in below if is_ours(Path(folder, name))]
        found += [Path(folder, name) for name in names if name.endswith(suffixes)]
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def sources(name: str) -> Path:
    return ROOT / "packages" / name / "src" / name.replace("-", "_")


def version(name: str) -> str:
    """The literal `__version__` of a package, without importing it."""
    tree = ast.parse(read(sources(name) / "__init__.py"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__version__":
            return str(ast.literal_eval(node.value))
    raise AssertionError(f"{name} has no __version__")


def exported(init: Path) -> list[str]:
    """The literal `__all__` of a package's `__init__.py`; nothing for what is no package."""
    for node in ast.parse(read(init)).body if init.is_file() else []:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return [str(name) for name in ast.literal_eval(node.value)]
    return []


def siblings(name: str) -> set[str]:
    return {canonical(r) for r in PROJECTS[name]["dependencies"]} & PROJECTS.keys()


def install_commands(text: str) -> list[list[str]]:
    """For every `pip install` in `text` that names layers: those arguments."""
    commands = []
    for command in re.findall(r"pip install ([^\n`#&;]*)", text):
        words = [word.strip("\"'").rstrip(".,)\"'") for word in command.split() if "tt-" in word]
        commands += [words] if words else []
    return commands


# --- one version, exact declarations, arrows down -------------------------------------------------


def test_the_packages_are_those_of_the_design() -> None:
    assert sorted(PROJECTS) == sorted(ORDER)


def test_all_versions_are_the_same_and_local() -> None:
    versions = {name: version(name) for name in PROJECTS}
    assert len(set(versions.values())) == 1, versions
    assert versions["tt-tensor"].endswith("+tt"), "a public index could serve this version"


@each_package
def test_siblings_are_pinned_to_that_version(name: str) -> None:
    project = PROJECTS[name]
    extras = project.get("optional-dependencies", {}).values()
    requirements = [*project["dependencies"], *(r for extra in extras for r in extra)]
    for requirement in requirements:
        if requirement.startswith("tt-"):
            sibling = canonical(requirement)
            assert requirement == f"{sibling}=={version(sibling)}"


@each_package
def test_a_package_imports_exactly_what_it_declares(name: str) -> None:
    required = {canonical(r) for r in PROJECTS[name]["dependencies"]}
    extras = {
        canonical(extra): {canonical(r) for r in requirements}
        for extra, requirements in PROJECTS[name].get("optional-dependencies", {}).items()
    }
    assert problems(sources(name), required, extras) == []


@each_package
def test_no_extra_is_dead(name: str) -> None:
    used = {package for p in sources(name).rglob("*.py") for _, package, _ in imports(read(p))}
    for extra, requirements in PROJECTS[name].get("optional-dependencies", {}).items():
        assert used & {canonical(r) for r in requirements}, f"nothing imports what {extra} brings"


@each_package
def test_arrows_point_down(name: str) -> None:
    assert siblings(name) <= set(ORDER[: ORDER.index(name)])


def test_the_readme_table_says_what_the_packages_declare() -> None:
    rows = re.findall(r"^\| \[`(tt-\w+)`\].*\| ([^|]*) \|$", read("README.md"), re.MULTILINE)
    shown = {name: set(needs.split(", ")) for name, needs in rows}
    declared = {name: {canonical(r) for r in PROJECTS[name]["dependencies"]} for name in PROJECTS}
    assert shown == declared


def test_the_workspace_knows_every_package() -> None:
    workspace = tomllib.loads(read("pyproject.toml"))["tool"]
    folders = {f"packages/{name}/src" for name in PROJECTS}
    assert workspace["uv"]["sources"].keys() == PROJECTS.keys()
    assert {path.split("/", 1)[1] for path in workspace["mypy"]["mypy_path"]} == folders
    site = read("mkdocs.yml")
    for name in PROJECTS:
        assert f"packages/{name}/src" in site
        assert f"api/{name}.md" in site


# --- what every package has -----------------------------------------------------------------------


@each_package
def test_a_package_is_complete(name: str) -> None:
    project, folder = PROJECTS[name], ROOT / "packages" / name
    assert project["name"] == name
    # the bundled data have a licence of their own, and its notices go along
    assert project["license"] == ("MIT AND CC-BY-4.0" if name == "tt-data" else "MIT")
    assert project["requires-python"] == ">=3.11"
    assert "Private :: Do Not Upload" in project["classifiers"]
    assert project["description"].endswith(".")
    assert "\n" not in project["description"]
    assert read(folder / "LICENSE") == read("LICENSE")
    assert (sources(name) / "py.typed").is_file()
    assert list((folder / "tests").rglob("test_*.py"))
    assert "```python\n" in read(folder / "README.md"), "a README shows an example"


def test_nothing_is_pickled() -> None:
    """A pickle runs the code of whoever wrote it: files here are safetensors, npz, json or text."""
    for path in files(".py"):
        source = read(path)
        if "tests" not in path.split("/"):  # a test may try to pickle, to see it refused
            assert not PICKLERS & {package for _, package, _ in imports(source)}, path
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert ast.unparse(node.value) == "False", f"{path}:{node.value.lineno}"


# --- what the documents say -----------------------------------------------------------------------


def test_the_readme_gives_the_two_commands_and_the_gate_runs_them() -> None:
    commands = re.sub(r" +#.*", "", read("README.md"))
    assert '```sh\npip install "nox[uv]" && nox -s capstone\nnox\n```' in commands
    gate = read(".ci/run")
    assert 'pip install -q "nox[uv]"' in gate
    assert re.search(r"^step \w+ nox$", gate, re.MULTILINE)
    assert re.search(r"^step \w+ nox -s capstone\b", gate, re.MULTILINE)


def test_no_file_names_an_index() -> None:
    """Which index serves the packages is the user's setting, not ours."""
    hosts = r"https?://[^\s)>\"']*(?:pypi|pythonhosted|npmjs)|--(?:extra-)?index-url"
    for path in files(".md", ".py", ".toml", ".yml", ".txt"):
        assert not re.findall(hosts, read(path)), path


def test_install_commands_name_every_layer_as_a_path() -> None:
    """The bare names are free for a stranger to take; a path can only mean our own code."""
    commands = [
        (path, words) for path in files(".md", ".py") for words in install_commands(read(path))
    ]
    assert commands
    for path, words in commands:
        layers = [re.fullmatch(r"\S*packages/(tt-\w+)(\[.*\])?", word) for word in words]
        assert all(layers), f"{path}: expected paths, got {words}"
        named = {layer[1] for layer in layers if layer}
        for name in named:
            assert siblings(name) <= named, f"{path}: {words} lacks {siblings(name) - named}"


def test_the_site_leaves_no_public_name_out() -> None:
    """A page lists a package's names; one that is also a file's there hides, and needs a line."""
    pages = [read(path) for path in files(".md") if path.startswith("docs/api/")]
    shown = re.findall(r"^::: ([\w.]+)$", "\n".join(pages), re.MULTILINE)
    assert {name.replace("-", "_") for name in PROJECTS} <= set(shown)
    for path in shown:
        package, *below = path.split(".")
        folder = sources(package.replace("_", "-")).joinpath(*below)
        for name in exported(folder / "__init__.py"):
            if (folder / name).is_dir() or (folder / f"{name}.py").is_file():
                lines = [s for s in shown if s.startswith(f"{path}.") and s.endswith(f".{name}")]
                assert lines, f"docs/api: expected a line '::: ' for {path}.{name}"


def test_relative_links_lead_somewhere() -> None:
    for path in files(".md"):
        prose = re.sub(r"```.*?```|`[^`\n]*`", "", read(path), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)", prose):
            if not re.match(r"https?://|mailto:|#", target):
                there = (ROOT / path).parent / target.split("#")[0]
                assert there.exists(), f"{path} links to {target}"
