"""What all optimizers share: parameter groups, state, and the walk over the parameters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np

from tt_autograd import enable_grad
from tt_tensor import Tensor, ledger

from .state import pack_state, unpack_state

__all__ = ["Optimizer", "Params"]

Array = np.ndarray[Any, np.dtype[Any]]
Group = dict[str, Any]
Params = Iterable[Tensor] | Iterable[Mapping[str, Any]] | Iterable[tuple[str, Tensor]]


class Optimizer:
    """Changes parameters so that a loss falls. Subclasses say how, in ``update``.

    Args:
        params: tensors, ``(name, tensor)`` pairs, or dicts with ``params`` and the hyperparameters
            that are to differ for them (parameter groups).
        defaults: the hyperparameters of groups that do not name their own.

    Attributes:
        param_groups: a list of dicts, each with its ``params`` and its hyperparameters.
        state: for each parameter, a dict of what the optimizer remembers of it.

    Raises:
        ValueError: there are no parameters, one is not a leaf, or one appears twice.
        TypeError: something is not a Tensor.
    """

    has_stepped = False  # schedulers warn if they are stepped first

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "an optimizer expects a list of tensors or of groups, got a single Tensor. "
                "Pass [tensor] or model.parameters()"
            )
        self.defaults = {name: _number(value) for name, value in defaults.items()}
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[Group] = []
        entries: list[Any] = list(params)
        if not entries:
            raise ValueError(
                "an optimizer expects at least one parameter, got none. An iterator can be used "
                "only once: call model.parameters() anew"
            )
        if not isinstance(entries[0], Mapping):
            entries = [{"params": entries}]
        for entry in entries:
            self.add_param_group(entry)

    def update(self, param: Array, grad: Array, group: Group, state: dict[str, Any]) -> None:
        """Change one parameter's array in place by its gradient.

        Args:
            param: the parameter's array, to be written in place.
            grad: its gradient (negated if the group maximizes), to be left as it is.
            group: the hyperparameters.
            state: what this optimizer remembers of the parameter; empty at first.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method update()")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient. The gradients stay as they are.

        Args:
            closure: computes the loss and its gradients anew; its result is returned.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        self.has_stepped = True
        with np.errstate(all="ignore"):  # inf and nan speak for themselves
            for group in self.param_groups:
                for p in group["params"]:
                    if p.grad is not None:
                        grad = _gradient(p.grad, group.get("maximize", False))
                        self.update(p.array, grad, group, self.state[p])
                        ledger.written(p.array)
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients: before every ``backward()``, as gradients add up.

        Args:
            set_to_none: drop them; otherwise fill them with zeros, in their memory.
        """
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none:
                    p.grad = None
                elif p.grad is not None:
                    p.grad = p.grad.detach()
                    p.grad.array.fill(0)
                    ledger.written(p.grad.array)

    def add_param_group(self, param_group: Mapping[str, Any]) -> None:
        """Optimise further parameters, for example of layers that are unfrozen during training."""
        if not isinstance(param_group, Mapping):
            raise TypeError(f"expected a dict with 'params', got {type(param_group).__name__}")
        if "params" not in param_group:
            raise ValueError(f"expected a dict with 'params', got the keys {list(param_group)}")
        group = {name: _number(v) for name, v in param_group.items() if name != "params"}
        names, params = _names_and_tensors(param_group["params"])
        known = {id(p) for g in self.param_groups for p in g["params"]}
        for i, p in enumerate(params):
            name = names[i] if names else f"number {i}"
            _check_parameter(p, name)
            if id(p) in known:
                raise ValueError(
                    f"a parameter may be optimised once, but {name} of shape {p.shape} is given "
                    "twice. Leave it out of one group"
                )
            known.add(id(p))
        if names:
            group["param_names"] = names
        if any(("param_names" in g) != bool(names) for g in self.param_groups):
            raise ValueError("expected names for all groups or for none; got both")
        group = {"params": params, **self.defaults, **group}
        self.check_hyperparameters(group)
        self.param_groups.append(group)

    def check_hyperparameters(self, group: Group) -> None:
        """Raise ValueError if a hyperparameter makes no sense; subclasses add theirs."""
        for name in ("lr", "weight_decay", "eps", "momentum"):
            if name not in group:
                continue
            if not isinstance(group[name], Real) or not group[name] >= 0:
                raise ValueError(f"{name}: expected a number of at least 0, got {group[name]!r}")

    def state_dict(self) -> dict[str, Any]:
        """The state by parameter number and the groups' hyperparameters, in PyTorch's layout."""
        return pack_state(self.param_groups, self.state)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over a state that ``state_dict`` returned, as a copy in each parameter's dtype.

        Raises:
            ValueError: it belongs to other groups or shapes; nothing is changed then.
        """
        self.param_groups, self.state = unpack_state(state_dict, self.param_groups)
        self.has_stepped = True

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {k}: {v}" for k, v in sorted(group.items()) if k != "params"]
        return "\n".join([*lines, ")"])


def _number(value: Any) -> Any:
    """A one-element Tensor as a Python number, anything else as it is."""
    return value.item() if isinstance(value, Tensor) else value


def _gradient(grad: Tensor, maximize: bool) -> Array:
    """The gradient's array in row-major order, negated to climb instead of descend."""
    array = grad.array
    if maximize:
        array = -array
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)


def _names_and_tensors(params: Any) -> tuple[list[str], list[Any]]:
    """The parameters of a group as a list, and their names if they came with names."""
    if isinstance(params, Tensor):
        return [], [params]
    if isinstance(params, (set, frozenset)):
        raise TypeError("a set has no order, by which the state is saved; pass a list of tensors")
    entries = list(params)
    named = [entry for entry in entries if isinstance(entry, tuple)]
    if named and len(named) != len(entries):
        raise ValueError(f"expected names for all parameters or for none; got {len(named)} names")
    return [name for name, _ in named], [tensor for _, tensor in named] or entries


def _check_parameter(p: Any, name: str) -> None:
    if not isinstance(p, Tensor):
        raise TypeError(f"an optimizer expects Tensors; parameter {name} is a {type(p).__name__}")
    if not p.is_leaf:
        raise ValueError(
            f"an optimizer expects leaf tensors; parameter {name} of shape {p.shape} was computed "
            "from others. Pass those, or x.detach().requires_grad_()"
        )
