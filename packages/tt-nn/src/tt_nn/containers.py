"""Modules made of modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .module import Module

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


class _Numbered(Module):
    """Modules kept as attributes "0", "1", ..., so that names come out as PyTorch's."""

    def _items(self) -> list[Module]:
        return [value for value in vars(self).values() if isinstance(value, Module)]

    def _fill(self, modules: Iterable[Module]) -> None:
        modules = list(modules)
        for name in [n for n, v in vars(self).items() if isinstance(v, Module)]:
            del self.__dict__[name]
        for i, module in enumerate(modules):
            self.__dict__[str(i)] = _checked(module)

    def __len__(self) -> int:
        return len(self._items())

    def __iter__(self) -> Iterator[Module]:
        return iter(self._items())

    def __getitem__(self, index: int | slice) -> Any:
        items = self._items()
        if isinstance(index, slice):
            return type(self)(*items[index]) if isinstance(self, Sequential) else type(self)(
                items[index]  # type: ignore[arg-type]
            )
        if not -len(items) <= index < len(items):
            raise IndexError(f"index {index} is out of range for {len(items)} modules")
        return items[index]

    def __setitem__(self, index: int, module: Module) -> None:
        items = self._items()
        items[index] = module
        self._fill(items)

    def __delitem__(self, index: int | slice) -> None:
        items = self._items()
        del items[index]
        self._fill(items)

    def append(self, module: Module) -> Any:
        """Add a module at the end and return the container."""
        self.__dict__[str(len(self))] = _checked(module)
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        """Add several modules at the end and return the container."""
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Any:
        """Add a module before position ``index`` and return the container."""
        items = self._items()
        items.insert(index, module)
        self._fill(items)
        return self


class Sequential(_Numbered):
    """Modules applied one after another; a dict gives them names.

    >>> from tt_nn import Linear, ReLU
    >>> Sequential(Linear(4, 3), ReLU())
    Sequential(
      (0): Linear(in_features=4, out_features=3, bias=True)
      (1): ReLU()
    )
    """

    def __init__(self, *modules: Any) -> None:
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                self.__dict__[name] = _checked(module)
        else:
            self._fill(modules)

    def forward(self, x: Any) -> Any:
        """Each module on the result of the one before."""
        for module in self._items():
            x = module(x)
        return x


class ModuleList(_Numbered):
    """A list of modules."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self._fill(modules or ())


class ModuleDict(Module):
    """A dict of modules."""

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        self.update(modules or {})

    def __getitem__(self, key: str) -> Module:
        return self._named_modules()[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.__dict__[key] = _checked(module)

    def __delitem__(self, key: str) -> None:
        del self.__dict__[key]

    def __len__(self) -> int:
        return len(self._named_modules())

    def __iter__(self) -> Iterator[str]:
        return iter(self._named_modules())

    def __contains__(self, key: object) -> bool:
        return key in self._named_modules()

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._named_modules().keys()

    def values(self) -> Iterable[Module]:
        """The modules."""
        return self._named_modules().values()

    def items(self) -> Iterable[tuple[str, Module]]:
        """(name, module) pairs."""
        return self._named_modules().items()

    def update(self, modules: Mapping[str, Module]) -> None:
        """Add or replace modules by name."""
        for name, module in modules.items():
            self[name] = module

    def _named_modules(self) -> dict[str, Module]:
        return {name: value for name, value in vars(self).items() if isinstance(value, Module)}


def _checked(module: Any) -> Module:
    if not isinstance(module, Module):
        raise TypeError(f"expected a Module, got {type(module).__name__}")
    return module
