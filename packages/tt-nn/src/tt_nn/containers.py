"""Modules made of modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .module import Module

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


class _Container(Module):
    """Modules kept as attributes, so that walking the attributes finds them in order."""

    def _modules(self) -> dict[str, Module]:
        return {name: value for name, value in vars(self).items() if isinstance(value, Module)}

    def _add(self, name: str, module: Any) -> None:
        _check_module(module)
        if not isinstance(name, str) or not name or "." in name or hasattr(type(self), name):
            raise ValueError(
                f"{name!r} cannot name a module: expected text without dots that is not an "
                f"attribute of every {type(self).__name__}"
            )
        self.__dict__[name] = module

    def __len__(self) -> int:
        return len(self._modules())


class _Numbered(_Container):
    """Modules named "0", "1", ..., so that the state's names come out as PyTorch's."""

    def _fill(self, modules: Iterable[Module]) -> None:
        modules = list(modules)
        for module in modules:
            _check_module(module)
        for name in self._modules():
            del self.__dict__[name]
        self.extend(modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules().values())

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return self._slice(index)
        return self._modules()[self._name(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        self._add(self._name(index), module)

    def __delitem__(self, index: int | slice) -> None:
        modules = list(self)
        if not isinstance(index, slice):
            self._name(index)
        del modules[index]
        self._fill(modules)

    def _slice(self, index: slice) -> Any:
        raise NotImplementedError

    def _name(self, index: int) -> str:
        names = list(self._modules())
        if not -len(names) <= index < len(names):
            raise IndexError(f"index {index} is out of range for {len(names)} modules")
        return names[index]

    def append(self, module: Module) -> Any:
        """Add a module at the end and return the container."""
        self._add(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        """Add several modules at the end and return the container."""
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Any:
        """Add a module before position ``index`` and return the container."""
        modules = list(self)
        modules.insert(index, module)
        self._fill(modules)
        return self

    def pop(self, index: int = -1) -> Module:
        """Take a module out and return it."""
        module: Module = self[index]
        del self[index]
        return module


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
                self._add(name, module)
        else:
            self.extend(modules)

    def _slice(self, index: slice) -> Any:
        """Some of the modules under the names they have."""
        return type(self)(dict(list(self._modules().items())[index]))

    def forward(self, x: Any) -> Any:
        """Each module on the result of the one before."""
        for module in self:
            x = module(x)
        return x


class ModuleList(_Numbered):
    """A list of modules.

    >>> from tt_nn import Linear
    >>> layers = ModuleList([Linear(4, 4) for _ in range(3)])
    >>> len(layers), [name for name, _ in layers[1:].named_parameters()]
    (3, ['0.weight', '0.bias', '1.weight', '1.bias'])
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(modules or ())

    def _slice(self, index: slice) -> Any:
        """Some of the modules, numbered anew."""
        return type(self)(list(self)[index])


class ModuleDict(_Container):
    """A dict of modules, which are attributes as well: ``d["norm"]`` is ``d.norm``."""

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        self.update(modules or {})

    def __getitem__(self, key: str) -> Module:
        return self._modules()[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self._add(key, module)

    def __delitem__(self, key: str) -> None:
        self.pop(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules())

    def __contains__(self, key: object) -> bool:
        return key in self._modules()

    def pop(self, key: str) -> Module:
        """Take a module out and return it."""
        module = self[key]
        del self.__dict__[key]
        return module

    def clear(self) -> None:
        """Take all modules out."""
        for key in self._modules():
            del self.__dict__[key]

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._modules().keys()

    def values(self) -> Iterable[Module]:
        """The modules."""
        return self._modules().values()

    def items(self) -> Iterable[tuple[str, Module]]:
        """(name, module) pairs."""
        return self._modules().items()

    def update(self, modules: Mapping[str, Module]) -> None:
        """Add or replace modules by name."""
        for name, module in modules.items():
            self[name] = module


def _check_module(value: Any) -> None:
    if not isinstance(value, Module):
        raise TypeError(f"expected a Module, got {type(value).__name__}")
