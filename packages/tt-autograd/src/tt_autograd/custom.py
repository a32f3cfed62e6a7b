"""Operations with a gradient of your own: PyTorch's ``Function``."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from tt_tensor import Op, Tensor, apply
from tt_tensor.ledger import last_write, tick
from tt_tensor.tensor import wrap

from .graph import Pick
from .modes import no_grad, set_grad_enabled
from .rule import joint_vjp

__all__ = ["Function", "FunctionCtx"]


class FunctionCtx:
    """What ``forward`` leaves for ``backward``; any attribute may be set on it.

    Attributes:
        needs_input_grad: for each argument, whether its gradient is wanted.
    """

    def __init__(self, needs: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs
        self._saved: list[tuple[str, Any]] = []
        self._inputs: Sequence[Any] = ()
        self._outputs: list[Tensor] = []
        self._constant: list[Tensor] = []
        self._constant_numbers: list[int] = []
        self._node: Any = None  # weak, like the slots: the node holds this context
        self._slots: list[Any] = []
        self._shapes: list[tuple[tuple[int, ...], Any]] = []
        self._order = 0

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for backward, which gets inputs and outputs in their place in the graph."""
        self._saved = [("other", tensor) for tensor in tensors]

    def mark_non_differentiable(self, *outputs: Tensor) -> None:
        """These outputs require no gradient."""
        self._constant = list(outputs)

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """What ``save_for_backward`` kept."""
        return tuple(self._restored(kind, value) for kind, value in self._saved)

    def _restored(self, kind: str, value: Any) -> Any:
        if kind == "input":
            return self._inputs[value]
        tensor = self._output(value) if kind == "output" else value
        if isinstance(tensor, Tensor) and last_write(tensor.array) > self._order:
            raise RuntimeError(
                f"a tensor of shape {tensor.shape} given to save_for_backward was changed in place "
                "afterwards. Use the out-of-place spelling (x = x + y, not x += y)"
            )
        return tensor

    def _output(self, i: int) -> Tensor:
        tensor = wrap(self._outputs[i].array)
        node = self._node() if self._node is not None else None
        if node is not None and i not in self._constant_numbers:
            slot = self._slots[i]()
            if slot is None:  # the output itself is gone: a new place for it
                slot = Pick(node, i)
                self._slots[i] = weakref.ref(slot)
            tensor._graph = slot
        return tensor

    def _classify(self, inputs: Sequence[Any], outputs: list[Tensor]) -> None:
        """Note which saved tensors are inputs or outputs, for second derivatives."""
        marked = []
        for _, value in self._saved:
            for kind, known in (("input", inputs), ("output", outputs)):
                position = next((i for i, t in enumerate(known) if t is value), None)
                if value is not None and position is not None:
                    marked.append((kind, position))
                    break
            else:
                marked.append(("other", value))
        self._saved = marked
        self._outputs = outputs if any(kind == "output" for kind, _ in marked) else []
        self._shapes = [(o.shape, o.dtype) for o in outputs]
        self._order = tick()


class _FunctionOp(Op):
    __slots__ = ()

    def explain(self, error: Exception, arrays: Sequence[Any], params: dict[str, Any]) -> Exception:
        return error  # the user's own code: show it where it happened


class Function:
    """An operation with its own gradient.

    Subclass it with two static methods: ``forward(ctx, *args)`` returns a Tensor or a tuple of
    them; ``backward(ctx, *grads)`` takes one gradient per output and returns one per argument of
    forward (None where there is none). Call it by ``apply``.

    With a third, ``setup_context(ctx, inputs, output)``, forward takes no ctx: it only computes,
    and setup_context keeps what backward needs.

    >>> from tt_tensor import tensor
    >>> class Cube(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x * x
    ...
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return g * 3 * x * x
    >>> x = tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward()
    >>> x.grad
    tensor(12.)
    """

    _op: Op

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        """Compute the result; what backward needs goes into ``ctx``."""
        raise TypeError("a Function needs a static method forward(ctx, *args)")

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Keep in ``ctx`` what backward needs of the arguments and the result of forward."""
        raise TypeError("a Function without setup_context gives the ctx to forward(ctx, *args)")

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """One gradient per argument of forward."""
        raise TypeError("a Function needs a static method backward(ctx, *grads)")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        separate = cls.setup_context is not Function.setup_context

        def compute(*arrays: Any, wanted: tuple[bool, ...]) -> Any:
            ctx = FunctionCtx(wanted)
            inputs = [wrap(a) if isinstance(a, np.ndarray) else a for a in arrays]
            with no_grad():
                result = cls.forward(*inputs) if separate else cls.forward(ctx, *inputs)
                if separate:
                    cls.setup_context(ctx, tuple(inputs), result)
            several = isinstance(result, tuple)
            outputs = list(result) if several else [result]
            for output in outputs:
                if not isinstance(output, Tensor):
                    raise TypeError(
                        f"{cls.__name__}.forward must return Tensors, got {type(output).__name__}"
                    )
            ctx._classify(inputs, outputs)
            arrays_out = [output.array for output in outputs]
            ctx._constant_numbers = [
                i for i, o in enumerate(outputs) if _is_among(o, ctx._constant)
            ]
            ctx._constant = []  # their arrays need not live as long as the graph
            return (arrays_out if several else arrays_out[0]), ctx

        cls._op = _FunctionOp(cls.__name__, compute, saves=True)

        def rule(
            g: Any, needs: tuple[bool, ...], ctx: FunctionCtx, *inputs: Any, **_: Any
        ) -> list[Any]:
            return _run_backward_of(cls, g, ctx, inputs)

        joint_vjp(cls._op, rule, fused=False)

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run the operation on these arguments."""
        wanted = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        result: Any = apply(cls._op, *args, wanted=wanted)
        outputs = result if isinstance(result, tuple) else (result,)
        slot = next((o._graph for o in outputs if o._graph is not None), None)
        if slot is not None:
            node = getattr(slot, "node", slot)
            ctx = node.out
            ctx._node = weakref.ref(node)
            for i in ctx._constant_numbers:
                outputs[i]._graph = None
            ctx._slots = [_weakly(output._graph) for output in outputs]
        return result


def _weakly(slot: Any) -> Any:
    return weakref.ref(slot) if slot is not None else lambda: None


def _is_among(tensor: Tensor, others: Sequence[Tensor]) -> bool:
    return any(tensor is other for other in others)


def _run_backward_of(
    cls: type[Function], g: Any, ctx: FunctionCtx, inputs: tuple[Any, ...]
) -> list[Any]:
    """Call the user's backward on Tensors and check what it returns."""
    given = g if isinstance(g, dict) else {0: g}
    plain = not any(isinstance(value, Tensor) for value in given.values())
    grads = []
    for i, (shape, dtype) in enumerate(ctx._shapes):
        value = given.get(i)
        value = np.zeros(shape, dtype) if value is None else value
        grads.append(value if isinstance(value, Tensor) else wrap(np.asarray(value)))
    ctx._inputs = [wrap(x) if isinstance(x, np.ndarray) else x for x in inputs]
    with set_grad_enabled(not plain):
        returned = cls.backward(ctx, *grads)
    ctx._inputs = ()
    results = list(returned) if isinstance(returned, (tuple, list)) else [returned]
    if len(results) != len(inputs):
        raise RuntimeError(
            f"{cls.__name__}.backward must return {len(inputs)} gradients, one per argument of "
            f"forward; got {len(results)}"
        )
    for i, (result, need) in enumerate(zip(results, ctx.needs_input_grad, strict=True)):
        if need and not (result is None or isinstance(result, Tensor)):
            raise TypeError(
                f"{cls.__name__}.backward must return Tensors or None, got "
                f"{type(result).__name__} for argument {i}"
            )
        if need and result is not None and result.shape != inputs[i].shape:
            raise RuntimeError(
                f"{cls.__name__}.backward returned a gradient of shape {result.shape} for argument "
                f"{i} of shape {inputs[i].shape}"
            )
    return [
        _handed_over(r, x, plain) if need else None
        for r, x, need in zip(results, inputs, ctx.needs_input_grad, strict=True)
    ]


def _handed_over(result: Tensor | None, x: Any, plain: bool) -> Any:
    """A gradient in its input's dtype; as an array, a view: its memory may be the user's own."""
    if result is None:
        return None
    result = result.to(x.dtype)
    return result.array[...] if plain else result
