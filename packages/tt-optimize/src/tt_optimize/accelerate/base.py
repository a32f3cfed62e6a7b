"""What every accelerated model is: the model's own class, on the model's own weights.

The fast path is for inference. It uses the weights where they are and keeps no copy of them, so
there is nothing that could go stale: an optimizer's step, ``load_state_dict`` and NumPy writing
into the memory all show in the next result. Whenever gradients are recorded, or the model is in
training mode, the model's own forward runs, whose gradients are right because they are the model's.
"""

from __future__ import annotations

import threading
from typing import Any, Self

import numpy as np

from tt_autograd import is_grad_enabled
from tt_nn import Dropout, Identity, Module, RotaryEmbedding
from tt_nn.hooks import after_all, before_all
from tt_nn.module import changes
from tt_tensor.door import is_timed

from ..replace import replace_layers

__all__ = ["Accelerated", "Scratch", "hands_on", "turns_heads"]

Array = np.ndarray[Any, np.dtype[Any]]


class Accelerated(Module):
    """Stands before a model's class: ``class FastGPT(Accelerated, GPT)`` and writes ``infer``.

    So an accelerated GPT is a GPT: ``config``, the names in ``state_dict()``, ``generate``,
    ``KVCache`` and every other technique find what they know.
    """

    backend: str = ""  # its name, which repr shows

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.prepare()

    @classmethod
    def of(cls, model: Module) -> Self:
        """The model in this class: modules of its own, on the very same tensors."""
        fast = cls.__new__(cls)
        fast.__dict__.update(vars(replace_layers(model, lambda name, layer: None)))
        fast.prepare()
        return fast

    def __copy__(self) -> Self:
        """A shallow copy: the same layers for now, but what was found about them is its own."""
        twin = type(self).__new__(type(self))
        twin.__dict__.update(vars(self))
        twin.prepare()
        return twin

    def prepare(self) -> None:
        """What is kept from call to call, beside the model's own attributes: nothing yet."""
        self._memory = Scratch()

    def infer(self, *args: Any, **kwargs: Any) -> Any:
        """What ``forward`` computes, faster; nothing is recorded, no layer is in training mode."""
        raise NotImplementedError

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """``infer``, or the model's own forward in training and where gradients are recorded.

        To a ``Profiler``, and to ``flops``, the model's own operations are shown, too: the fast
        path has none that they could see. And so are the layers inside to their hooks.
        """
        if self.training or is_grad_enabled() or is_timed() or self._is_watched():
            return super().forward(*args, **kwargs)
        return self.infer(*args, **kwargs)

    def _is_watched(self) -> bool:
        """Whether a layer inside has hooks; looked for when some module was changed."""
        if before_all or after_all:
            return True
        kept, latest = self._memory.kept, changes.latest
        if kept.get("without hooks") is latest:
            return False
        inside = (vars(module) for module in self.modules() if module is not self)
        if any(own.get("_forward_hooks") or own.get("_forward_pre_hooks") for own in inside):
            return True
        kept["without hooks"] = latest
        return False

    def extra_repr(self) -> str:
        """The model's own, and the backend."""
        shown = (super().extra_repr(), f"backend={self.backend!r}")
        return ", ".join(part for part in shown if part)


def hands_on(dropout: Module) -> bool:
    """Whether what comes out of a model's dropout is what went in, so that it can be left out: not
    if it was put into training mode on its own, or another layer stands in its place."""
    if type(dropout) is Dropout:
        return not (dropout.training and dropout.p)
    return type(dropout) is Identity


def turns_heads(rotary: Module | None, length: int, size: int) -> bool:
    """Whether rotary positions, if there are any, are those that the fast paths compute from their
    angles: for heads of that size, and for so many positions."""
    if rotary is None:
        return True
    return type(rotary) is RotaryEmbedding and rotary.dim == size and length <= rotary.max_seq_len


class Scratch(threading.local):
    """Arrays that are kept for the next call, by name; every thread has its own.

    What comes out is not cleared, and must not be handed to the caller of a model: the next call
    writes to it.
    """

    def __init__(self) -> None:
        self.kept: dict[Any, Any] = {}

    def take(self, name: str, shape: tuple[int, ...], dtype: Any) -> Array:
        """The array of this name, a new one if shape or dtype have changed."""
        array: Array | None = self.kept.get(name)
        if array is None or array.shape != shape or array.dtype != dtype:
            array = self.kept[name] = np.empty(shape, dtype)
        return array

    def room(self, name: str, size: int, dtype: Any) -> Array:
        """At least so many numbers of memory under this name, as a flat array of that size: for
        what grows a little with each call."""
        array: Array | None = self.kept.get(name)
        if array is None or len(array) < size or array.dtype != dtype:
            array = self.kept[name] = np.empty(2 * size, dtype)
        return array[:size]

    def ones(self, size: int, dtype: Any) -> Array:
        """So many ones: the sum of a row is its product with them."""
        array: Array | None = self.kept.get("ones")
        if array is None or len(array) < size or array.dtype != dtype:
            array = self.kept["ones"] = np.ones(2 * size, dtype)
        return array[:size]

    def __deepcopy__(self, memo: dict[int, Any]) -> Scratch:
        """A copy of a model needs memory of its own, but not what is in it."""
        return Scratch()
