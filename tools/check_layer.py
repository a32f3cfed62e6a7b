"""Does an installed layer import exactly what it declares?  python tools/check_layer.py tt-nn

First every module of the layer is imported, which fails where a package is missing. That alone
would not notice a forgotten declaration of something that a lower layer happens to bring along, so
the source is read as well: each import must name a package that the layer itself declares. An
optional package may be imported inside functions only, so that the layer works without it.

Import names and package names agree here, up to `_` and `-`.
"""

import ast
import importlib.metadata
import importlib.util
import pkgutil
import re
import sys
from pathlib import Path


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


def problems(folder: Path, required: set[str], optional: set[str]) -> list[str]:
    """What the package in `folder` imports but does not declare, and the other way round."""
    layer = canonical(folder.name)
    known = required | {layer} | {canonical(name) for name in sys.stdlib_module_names}
    found, used = [], set()
    for path in sorted(folder.rglob("*.py")):
        for line, name, at_load in imports(path.read_text(encoding="utf-8")):
            used.add(name)
            where = f"{path.relative_to(folder.parent).as_posix()}:{line} imports {name}"
            if name not in known | optional:
                found.append(f"{where}, which {layer} does not declare")
            elif name not in known and at_load:
                found.append(f"{where}, an extra of {layer}, outside the function that uses it")
    found += [f"{layer} declares {name} and never imports it" for name in sorted(required - used)]
    return found


def main(layer: str) -> None:
    """Import all modules of the installed `layer`, then exit with what `problems` finds, if any."""
    module = layer.replace("-", "_")
    package = importlib.import_module(module)
    names = [info.name for info in pkgutil.walk_packages(package.__path__, module + ".")]
    for name in names:
        if not name.endswith(".__main__"):
            importlib.import_module(name)

    declared = importlib.metadata.requires(layer) or []
    optional = {canonical(r) for r in declared if "extra ==" in r}
    required = {canonical(r) for r in declared if "extra ==" not in r}
    if found := problems(Path(package.__path__[0]), required, optional):
        sys.exit("\n".join(found))
    print(f"{layer}: {1 + len(names)} modules import {', '.join(sorted(required))}, nothing else")


if __name__ == "__main__":
    main(sys.argv[1])
