"""Gradients too small for float16, scaled until they fit.

float16 ends at 6e-8 below and at 65,504 above. Many gradients are smaller than that and would be 0.
Multiplying the loss by some large number multiplies all gradients by it; before the step they are
divided again, in float32. How large, nobody knows beforehand: the scaler tries. If a gradient
overflows to inf, the step is skipped and the scale halved; after many steps without, it is doubled.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

import numpy as np

from tt_nn.optim import Optimizer
from tt_tensor import Tensor

__all__ = ["GradScaler"]


class _Stage(Enum):
    READY = 0
    UNSCALED = 1
    STEPPED = 2


class GradScaler:
    """Dynamic loss scaling, as torch.amp.GradScaler.

    One iteration:

        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)   # only if the gradients are to be looked at, or clipped
        scaler.step(optimizer)       # optimizer.step(), unless a gradient is inf or nan
        scaler.update()

    Args:
        init_scale: the scale to start from.
        growth_factor: by what it grows after ``growth_interval`` steps without inf or nan.
        backoff_factor: by what it shrinks after a step with one.
        enabled: False makes all methods do nothing but what stands in their names.

    Source: Micikevicius et al. 2018, §3.2.

    >>> from tt_nn import Parameter
    >>> from tt_nn.optim import SGD
    >>> w = Parameter([1.0])
    >>> scaler, optimizer = GradScaler(init_scale=1024.0), SGD([w], lr=0.5)
    >>> scaler.scale((w * w).sum()).backward()
    >>> w.grad.item()
    2048.0
    >>> scaler.step(optimizer)
    >>> w.item()
    0.0
    >>> scaler.update()
    """

    def __init__(
        self,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        if init_scale <= 0 or growth_factor <= 1 or not 0 < backoff_factor < 1:
            raise ValueError(
                "GradScaler: expected init_scale > 0, growth_factor > 1 and backoff_factor from 0 "
                f"to 1, got {init_scale}, {growth_factor} and {backoff_factor}"
            )
        self._scale = float(init_scale)
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._growth_tracker = 0  # steps without inf or nan since the scale last changed
        self._enabled = enabled
        self._optimizers: dict[int, tuple[_Stage, bool]] = {}  # how far, and whether inf was found

    def scale(self, outputs: Any) -> Any:
        """A loss, or a list or tuple of losses, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(self.scale(output) for output in outputs)
        if not isinstance(outputs, Tensor):
            raise ValueError(
                f"GradScaler.scale: expected a Tensor or a list of them, got "
                f"{type(outputs).__name__}"
            )
        # a loss in float16 times 65,536 would be inf
        wide = outputs.float() if outputs.dtype == np.float16 else outputs
        return wide * self._scale

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divide the gradients of its parameters by the scale, and look for inf and nan.

        Raises:
            RuntimeError: it was done already since the last update, or after the step.
            ValueError: a gradient is float16, whose small values the division would lose.
        """
        if not self._enabled:
            return
        stage, _ = self._optimizers.get(id(optimizer), (_Stage.READY, False))
        if stage is _Stage.UNSCALED:
            raise RuntimeError("unscale_() was called on this optimizer since the last update()")
        if stage is _Stage.STEPPED:
            raise RuntimeError("unscale_() is being called after step()")
        self._optimizers[id(optimizer)] = (_Stage.UNSCALED, self._unscaled(optimizer))

    def _unscaled(self, optimizer: Optimizer) -> bool:
        """Divide, and say whether a gradient is inf or nan."""
        parameters = [p for group in optimizer.param_groups for p in group["params"]]
        grads = [p.grad for p in parameters if p.grad is not None]
        if not grads:
            raise RuntimeError(
                "GradScaler: the optimizer's parameters have no gradients; call backward() first"
            )
        if any(grad.dtype == np.float16 for grad in grads):
            raise ValueError(
                "GradScaler: cannot unscale float16 gradients without losing the small ones; give "
                "the optimizer float32 weights (MasterWeights)"
            )
        found = False
        for grad in grads:
            grad.array *= grad.array.dtype.type(1 / self._scale)
            found = found or not np.isfinite(grad.array).all()
        return found

    def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
        """``optimizer.step(...)`` on unscaled gradients, unless one of them is inf or nan.

        Raises:
            RuntimeError: it was done already since the last update; or a closure is given, whose
                gradients would come scaled after they were looked at.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if any(map(callable, (*args, *kwargs.values()))):
            raise RuntimeError("GradScaler.step: closures are not supported, as in PyTorch")
        if self._optimizers.get(id(optimizer), (_Stage.READY, False))[0] is _Stage.STEPPED:
            raise RuntimeError("step() was called on this optimizer since the last update()")
        if id(optimizer) not in self._optimizers:
            self.unscale_(optimizer)
        _, found = self._optimizers[id(optimizer)]
        result = None if found else optimizer.step(*args, **kwargs)
        self._optimizers[id(optimizer)] = (_Stage.STEPPED, found)
        return result

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Change the scale by what the last steps have met, or to ``new_scale``.

        Raises:
            RuntimeError: there was no step since the last update.
        """
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale.item() if isinstance(new_scale, Tensor) else new_scale)
        elif not self._optimizers:
            raise RuntimeError("update() is called before step(): nothing was looked at yet")
        elif any(found for _, found in self._optimizers.values()):
            self._scale *= self._backoff_factor
            self._growth_tracker = 0
        else:
            self._growth_tracker += 1
            if self._growth_tracker == self._growth_interval:
                self._grow()
        self._optimizers.clear()

    def _grow(self) -> None:
        larger = self._scale * self._growth_factor
        self._scale = larger if larger <= float(np.finfo(np.float32).max) else self._scale
        self._growth_tracker = 0

    def get_scale(self) -> float:
        """The scale; 1 if not enabled."""
        return self._scale if self._enabled else 1.0

    def is_enabled(self) -> bool:
        """Whether it scales at all."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """What is needed to go on, by torch's names; nothing if not enabled."""
        if not self._enabled:
            return {}
        names = ("growth_factor", "backoff_factor", "growth_interval", "_growth_tracker")
        numbers = {name: vars(self)[f"_{name.lstrip('_')}"] for name in names}
        return {"scale": self._scale, **numbers}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on as the one did whose state it is.

        Raises:
            RuntimeError: the state is empty: it was saved by one that was not enabled.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError("the state is empty: it is of a GradScaler that was not enabled")
        self._scale = float(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = state_dict["_growth_tracker"]
