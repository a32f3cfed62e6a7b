"""Adam and AdamW in fewer passes over memory; the same numbers, arguments and state.

The plain optimizer works through a parameter with a dozen NumPy operations. For a large one these
are a dozen passes over memory (though in the cache: it works in blocks), for a small one a dozen
calls that take longer than their arithmetic. A GPT has few large parameters and many small ones:
biases, norms.

- backend "numba": one compiled loop for each parameter, in which a number is read once and written
  once. 4 M parameters take 1.9 ms, with the plain optimizer 6.2, with PyTorch's fused one 2.2; the
  50 parameters of a GPT of 0.8 M take 0.7 ms, plain 1.8.
- backend "numpy": small parameters are laid end to end, updated together, and copied back. 40 of at
  most 256 numbers take 0.21 ms, plain 0.35; large ones take as long as before.

(One thread of an AMD EPYC of 2023.) PyTorch's are ``Adam(fused=True)`` and ``AdamW(fused=True)``.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from tt_nn.optim import Adam, adam_update
from tt_tensor import from_numpy, tensor

__all__ = ["FusedAdam", "FusedAdamW"]

Array = np.ndarray[Any, np.dtype[Any]]

_SMALL = 16384  # numbers; NumPy's calls take longer than the arithmetic up to about here


class FusedAdam(Adam):
    """``tt_nn.optim.Adam``, faster. It takes what Adam takes, and one thing more.

    Args:
        backend: "numba", "numpy", or None for numba where it is installed.

    Raises:
        ImportError: the backend is "numba" and that is not installed.

    >>> from tt_tensor import tensor
    >>> x = tensor([3.0], requires_grad=True)
    >>> adam = FusedAdam([x], lr=0.1, backend="numpy")
    >>> (x * x).sum().backward()
    >>> adam.step()
    >>> x.detach()
    tensor([2.9000])
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
        backend: str | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=decoupled_weight_decay,
        )
        self.backend = _chosen(backend)
        self._kernel = _compiled() if self.backend == "numba" else None
        self._small: list[tuple[Array, Array, dict[str, Any], dict[str, Any]]] = []

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient. The gradients stay as they are."""
        try:
            loss = super().step(closure)  # which calls update
            self._update_small()
        finally:
            self._small.clear()
        return loss

    def update(
        self, param: Array, grad: Array, group: dict[str, Any], state: dict[str, Any]
    ) -> None:
        """One parameter, now or together with other small ones at the end of the step."""
        plain = group["amsgrad"] or not param.flags.c_contiguous
        if plain or (self._kernel is None and param.size > _SMALL):
            super().update(param, grad, group, state)
        elif self._kernel is None:
            self._small.append((param, grad, group, state))
        else:
            step = _begun(state, param)
            _run(self._kernel, param, grad, group, state, step)

    def _update_small(self) -> None:
        """Those with the same settings and step number as one array."""
        alike = defaultdict(list)
        for param, grad, group, state in self._small:
            alike[id(group), _begun(state, param), param.dtype].append((param, grad, group, state))
        for (_, step, _), members in alike.items():
            group = members[0][2]
            sets = [
                (param, state["exp_avg"].array, state["exp_avg_sq"].array)
                for param, _, _, state in members
            ]
            flat_grad = np.concatenate([grad.reshape(-1) for _, grad, _, _ in members])
            flat = [
                np.concatenate([a.reshape(-1) for a in kind]) for kind in zip(*sets, strict=True)
            ]
            param, exp_avg, exp_avg_sq = flat
            beta1, beta2 = group["betas"]
            with np.errstate(all="ignore"):  # inf and nan speak for themselves
                adam_update(
                    param,
                    flat_grad,
                    exp_avg,
                    exp_avg_sq,
                    step,
                    group["lr"],
                    beta1,
                    beta2,
                    group["eps"],
                    group["weight_decay"],
                    group["decoupled_weight_decay"],
                )
            start = 0
            for arrays in sets:
                stop = start + arrays[0].size
                for array, source in zip(arrays, flat, strict=True):
                    array.reshape(-1)[:] = source[start:stop]
                start = stop


class FusedAdamW(FusedAdam):
    """``tt_nn.optim.AdamW``, faster: Adam with decoupled weight decay, 0.01 if not given.

    >>> from tt_tensor import tensor
    >>> x = tensor([3.0], requires_grad=True)
    >>> adamw = FusedAdamW([x], lr=0.1, backend="numpy")
    >>> (x * x).sum().backward()
    >>> adamw.step()
    >>> x.detach()
    tensor([2.8970])
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        backend: str | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
            backend=backend,
        )


def _chosen(backend: str | None) -> str:
    """The backend; of the best that is installed, if None."""
    if backend is None:
        return "numpy" if find_spec("numba") is None else "numba"
    if backend not in ("numpy", "numba"):
        raise ValueError(f"backend: expected 'numpy', 'numba' or None, got {backend!r}")
    return backend


def _compiled() -> Any:
    """The kernel, which needs numba."""
    try:
        from .numba.adam import adam_kernel
    except ModuleNotFoundError as error:
        if error.name != "numba":
            raise
        raise ImportError(
            'FusedAdam: backend="numba" needs the package numba, which is not installed: pip '
            'install numba, or choose backend="numpy"'
        ) from error
    return adam_kernel


def _begun(state: dict[str, Any], param: Array) -> float:
    """The number of this step, counted in the state, which is made if there is none."""
    if "step" not in state:
        state["step"] = tensor(0.0)
    for name in ("exp_avg", "exp_avg_sq"):
        if name not in state:
            state[name] = from_numpy(np.zeros(param.shape, param.dtype))
    state["step"].array += 1
    return float(state["step"].array)


def _run(
    kernel: Any,
    param: Array,
    grad: Array,
    group: dict[str, Any],
    state: dict[str, Any],
    step: float,
) -> None:
    """The kernel on one parameter; all numbers in its dtype."""
    beta1, beta2 = group["betas"]
    root = math.sqrt(1 - beta2**step)
    decay, decoupled = group["weight_decay"], group["decoupled_weight_decay"]
    numbers = (
        group["lr"] * root / (1 - beta1**step),
        group["eps"] * root,
        1 - beta1,
        1 - beta2,
        0.0 if decoupled else decay,
        1 - group["lr"] * decay if decoupled else 1.0,
    )
    means = state["exp_avg"].array, state["exp_avg_sq"].array
    arrays = [array.reshape(-1) for array in (param, grad, *means)]
    kernel(*arrays, *map(param.dtype.type, numbers))
