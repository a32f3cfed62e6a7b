"""Modules made of modules, or of parameters."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tt_tensor import Tensor

from .module import Module
from .parameter import Parameter

__all__ = ["ModuleDict", "ModuleList", "ParameterList", "Sequential"]


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
        setattr(self, name, module)

    def __len__(self) -> int:
        return len(self._modules())


class _Numbered(_Container):
    """Modules named "0", "1", ..., so that the state's names come out as PyTorch's."""

    def _fill(self, modules: Iterable[Module]) -> None:
        modules = list(modules)
        for module in modules:
            _check_module(module)
        for name in self._modules():
            delattr(self, name)
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

    def __iadd__(self, modules: Iterable[Module]) -> Any:
        return self.extend(modules)

    def __add__(self, modules: Iterable[Module]) -> Any:
        if not isinstance(modules, Iterable):
            return NotImplemented
        return type(self)().extend([*self, *modules])

    def append(self, module: Module) -> Any:
        """Add a module at the end and return the container."""
        self._add(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        """Add several modules at the end and return the container."""
        if not isinstance(modules, Iterable):
            raise TypeError(f"expected modules to add, got {type(modules).__name__}")
        modules = list(modules)
        for module in modules:
            _check_module(module)
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

    def forward(self, input: Any) -> Any:
        """Each module on the result of the one before."""
        for module in self:
            input = module(input)
        return input


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

    def _shown_children(self) -> list[str]:
        """Neighbours that look the same are shown once: ``(0-2): 3 x Linear(...)``."""
        shown = []
        for text, group in itertools.groupby(self._modules().items(), lambda item: repr(item[1])):
            names = [name for name, _ in group]
            alone = len(names) == 1
            shown.append(
                f"({names[0]}): {text}"
                if alone
                else f"({names[0]}-{names[-1]}): {len(names)} x {text}"
            )
        return shown


class ModuleDict(_Container):
    """A dict of modules, which are attributes as well: ``d["norm"]`` is ``d.norm``."""

    def __init__(
        self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None
    ) -> None:
        super().__init__()
        self.update(modules or {})

    def __getitem__(self, key: str) -> Module:
        module = self.__dict__.get(key)  # collecting all modules first takes 6 times as long
        if not isinstance(module, Module):
            raise KeyError(key)
        return module

    def __setitem__(self, key: str, module: Module) -> None:
        self._add(key, module)

    def __delitem__(self, key: str) -> None:
        self.pop(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules())

    def __contains__(self, key: object) -> bool:
        return isinstance(self.__dict__.get(key), Module)  # type: ignore[call-overload]

    def pop(self, key: str) -> Module:
        """Take a module out and return it."""
        module = self[key]
        delattr(self, key)
        return module

    def clear(self) -> None:
        """Take all modules out."""
        for key in self._modules():
            delattr(self, key)

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._modules().keys()

    def values(self) -> Iterable[Module]:
        """The modules."""
        return self._modules().values()

    def items(self) -> Iterable[tuple[str, Module]]:
        """(name, module) pairs."""
        return self._modules().items()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add or replace modules by name, given as a dict or as pairs."""
        for name, module in dict(modules).items():
            self[name] = module


class ParameterList(Module):
    """A list of parameters; tensors that are none yet become parameters.

    >>> from tt_tensor import ones
    >>> factors = ParameterList([ones(2), ones(3)])
    >>> [(name, p.shape) for name, p in factors.named_parameters()]
    [('0', (2,)), ('1', (3,))]
    """

    def __init__(self, values: Iterable[Tensor] | None = None) -> None:
        super().__init__()
        self.extend(values or ())

    def __len__(self) -> int:
        return sum(name.isdigit() for name in vars(self))

    def __iter__(self) -> Iterator[Parameter]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: int) -> Parameter:
        return vars(self)[self._name(index)]  # type: ignore[no-any-return]

    def __setitem__(self, index: int, value: Tensor) -> None:
        setattr(self, self._name(index), _as_parameter(value))

    def _name(self, index: int) -> str:
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is out of range for {len(self)} parameters")
        return str(index % len(self))

    def append(self, value: Tensor) -> ParameterList:
        """Add a parameter at the end and return the list."""
        setattr(self, str(len(self)), _as_parameter(value))
        return self

    def extend(self, values: Iterable[Tensor]) -> ParameterList:
        """Add several parameters at the end and return the list."""
        for value in values:
            self.append(value)
        return self


def _as_parameter(value: Any) -> Parameter:
    if not isinstance(value, Tensor):
        raise TypeError(f"expected a Parameter or Tensor, got {type(value).__name__}")
    return value if isinstance(value, Parameter) else Parameter(value)


def _check_module(value: Any) -> None:
    if not isinstance(value, Module):
        raise TypeError(f"expected a Module, got {type(value).__name__}")
