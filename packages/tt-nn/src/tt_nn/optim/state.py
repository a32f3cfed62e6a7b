"""An optimizer's state in the layout in which it is saved: PyTorch's."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from tt_tensor import Tensor, from_numpy, tensor

__all__ = ["pack_state", "unpack_state"]

Group = dict[str, Any]
State = defaultdict[Tensor, dict[str, Any]]


def pack_state(groups: list[Group], state: Mapping[Tensor, dict[str, Any]]) -> dict[str, Any]:
    """``{"state": {0: {...}}, "param_groups": [{..., "params": [0, ...]}]}``.

    Parameters are numbered through all groups, in order; the tensors are the optimizer's own.
    """
    params = [p for group in groups for p in group["params"]]
    number = {id(p): i for i, p in enumerate(params)}
    return {
        "state": {i: dict(state[p]) for i, p in enumerate(params) if state.get(p)},
        "param_groups": [
            {**group, "params": [number[id(p)] for p in group["params"]]} for group in groups
        ],
    }


def unpack_state(saved: Mapping[str, Any], groups: list[Group]) -> tuple[list[Group], State]:
    """The groups with the saved hyperparameters, and the state of their parameters as a copy.

    Raises:
        ValueError: the saved state belongs to other groups or shapes.
    """
    if "state" not in saved or "param_groups" not in saved:
        raise ValueError(
            f"expected an optimizer's state_dict with 'state' and 'param_groups', got {list(saved)}"
        )
    expected = [len(group["params"]) for group in groups]
    got = [len(group["params"]) for group in saved["param_groups"]]
    if expected != got:
        raise ValueError(
            f"expected the state of groups of {expected} parameters, got one of {got}. "
            "Build the optimizer from the same parameters, in the same groups and order"
        )
    state: State = defaultdict(dict)
    new_groups = []
    for group, old in zip(groups, saved["param_groups"], strict=True):
        values = {k: copy.deepcopy(v) for k, v in old.items() if k != "params"}
        names = {k: group[k] for k in ("param_names",) if k in group}
        new_groups.append({"params": group["params"], **names, **values})
        for number, p in zip(old["params"], group["params"], strict=True):
            for name, value in saved["state"].get(number, {}).items():
                state[p][name] = _fitted(value, p, name, number)
    return new_groups, state


def _fitted(value: Any, p: Tensor, name: str, number: Any) -> Any:
    """A copy of one saved value, in the parameter's dtype."""
    if name == "step":
        return tensor(float(value))
    if not isinstance(value, Tensor):
        return copy.deepcopy(value)
    if value.shape != p.shape:
        raise ValueError(
            f"{name} of parameter {number}: expected its shape {p.shape}, got {value.shape}"
        )
    return from_numpy(np.array(value.array, p.dtype, order="C"))
