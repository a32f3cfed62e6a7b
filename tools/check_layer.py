"""Does an installed layer import exactly what it declares?  python tools/check_layer.py tt-nn

First every module of the layer is imported, which fails where a package is missing. That alone
would not notice a forgotten declaration of something that a lower layer happens to bring along, so
the source is read as well: each import must name a package that the layer itself declares. An
optional package may be imported inside functions only, so that the layer works without it; but a
subpackage that is named like an extra, such as `tt_x.loops.numba`, is for those who installed that
extra: it may import what the extra brings, and is itself imported here only if that is there.

Import names and package names agree here, up to `_` and `-`.
"""

import ast
import importlib.metadata
import importlib.util
import pkgutil
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType


def canonical(name: str) -> str:
    """The package that a requirement or an import names: `tt_nn.layers`, `tt-nn==1` -> `tt-nn`."""
    match = re.match(r"[A-Za-z0-9_-]+", name)
    if match is None:
        raise ValueError(f"expected a package name, got {name!r}")
    return re.sub(r"[-_]+", "-", match[0]).lower()


def imported_by(node: ast.AST) -> list[str]:
    """The modules that this one node imports, relative imports left out."""
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom(level=0, module=str(name)):
            return [name]
        case ast.Call(func=ast.Name(id=function) | ast.Attribute(attr=function)):
            if function in ("import_module", "__import__") and node.args:
                name = getattr(node.args[0], "value", None)
                return [name] if isinstance(name, str) and not name.startswith(".") else []
    return []


def waits(node: ast.AST) -> bool:
    """Is what stands inside this node left alone while the module loads?"""
    if isinstance(node, ast.If):
        return ast.unparse(node.test).endswith("TYPE_CHECKING")
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def imports(source: str) -> list[tuple[int, str, bool]]:
    """Each import of `source`: its line, the package, and whether loading the module runs it."""
    found = []
    todo: list[tuple[ast.AST, bool]] = [(ast.parse(source), True)]
    while todo:
        node, at_load = todo.pop()
        for name in imported_by(node):
            found.append((getattr(node, "lineno", 0), canonical(name), at_load))
        at_load = at_load and not waits(node)
        todo += [(child, at_load) for child in ast.iter_child_nodes(node)]
    return sorted(found)


Extras = dict[str, set[str]]  # the packages that each brings


def at_home(subpackages: Sequence[str], extras: Extras) -> set[str]:
    """The optional packages that modules inside these subpackages may import as they load."""
    return {package for name in subpackages for package in extras.get(canonical(name), ())}


def problems(folder: Path, required: set[str], extras: Extras) -> list[str]:
    """What the package in `folder` imports but does not declare, and the other way round."""
    layer = canonical(folder.name)
    optional = set().union(*extras.values())
    known = required | {layer} | {canonical(name) for name in sys.stdlib_module_names}
    found, used = [], set()
    for path in sorted(folder.rglob("*.py")):
        loaded = known | at_home(path.relative_to(folder).parts[:-1], extras)
        for line, name, at_load in imports(path.read_text(encoding="utf-8")):
            used.add(name)
            where = f"{path.relative_to(folder.parent).as_posix()}:{line} imports {name}"
            if name not in known | optional:
                found.append(f"{where}, which {layer} does not declare")
            elif name not in loaded and at_load:
                found.append(f"{where}, an extra of {layer}, outside the function that uses it")
    found += [f"{layer} declares {name} and never imports it" for name in sorted(required - used)]
    return found


def modules(package: ModuleType, extras: Extras) -> Iterator[str]:
    """The names of all modules that can be imported, and of those of absent extras none."""

    def absent(name: str) -> bool:
        needed = at_home(name.split(".")[1:], extras)
        return any(importlib.util.find_spec(x.replace("-", "_")) is None for x in needed)

    todo = [(package.__name__, list(package.__path__))]
    while todo:
        above, paths = todo.pop()
        for info in pkgutil.iter_modules(paths, above + "."):
            if absent(info.name):
                continue
            yield info.name
            if info.ispkg:
                todo.append((info.name, list(importlib.import_module(info.name).__path__)))


def declarations(requirements: list[str]) -> tuple[set[str], Extras]:
    """What a package requires always, and what each of its extras brings."""
    required, extras = set(), defaultdict(set)
    for requirement in requirements:
        if extra := re.search(r"extra == ['\"]([^'\"]+)", requirement):
            extras[canonical(extra[1])].add(canonical(requirement))
        else:
            required.add(canonical(requirement))
    return required, dict(extras)


def main(layer: str) -> None:
    """Import all modules of the installed `layer`, then exit with what `problems` finds, if any."""
    package = importlib.import_module(layer.replace("-", "_"))
    required, extras = declarations(importlib.metadata.requires(layer) or [])
    names = list(modules(package, extras))
    for name in names:
        if not name.endswith(".__main__"):
            importlib.import_module(name)
    if found := problems(Path(package.__path__[0]), required, extras):
        sys.exit("\n".join(found))
    print(f"{layer}: {1 + len(names)} modules import {', '.join(sorted(required))}, nothing else")


if __name__ == "__main__":
    main(sys.argv[1])
