"""The Tensor: an n-dimensional array, one opaque slot, and the names of all operations.

What an operation computes stands in ``ops/``, what it means in ``elementwise.py``,
``reductions.py`` and their neighbours; here each only gets its name as a method.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import (
    comparison,
    counting,
    elementwise,
    indexing,
    inplace,
    linalg,
    ops,
    reductions,
    shapes,
)
from .door import apply, apply_one, apply_pair, results_are
from .dtypes import (
    Array,
    DType,
    bool_,
    canonical,
    default_dtype,
    float16,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
)
from .engine import engine
from .op import Op
from .ops.reduction import check_dims
from .printing import format_tensor

__all__ = ["Tensor", "wrap"]


class Tensor:
    """An n-dimensional array of numbers, with PyTorch's names and meanings.

    Args:
        data: numbers, nested lists, a NumPy array or a Tensor, copied.
        dtype: the element type; float32 by default, as ``torch.Tensor``. (The function ``tensor``
            infers it from the data instead.)
        requires_grad: follow operations on this tensor, so that ``backward()`` can fill ``.grad``.
            Needs tt-autograd.

    Attributes:
        array: the NumPy array that holds the numbers.

    >>> x = Tensor([[1, 2], [3, 4]])
    >>> x @ x
    tensor([[ 7., 10.],
            [15., 22.]])
    """

    # One slot belongs to the gradient engine: what is in it is none of this package's business.
    __slots__ = ("__weakref__", "_graph", "array")

    __array_priority__ = 1000  # ndarray + Tensor asks the Tensor first
    __hash__ = object.__hash__  # == is elementwise, so identity hashes

    array: Array
    _graph: Any

    def __init__(self, data: Any = (), dtype: Any = None, requires_grad: bool = False) -> None:
        from .creation import to_array

        self._graph = None
        self.array = to_array(data, default_dtype if dtype is None else canonical(dtype))
        if requires_grad:
            self.requires_grad = True

    # ---- what it is --------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each dim."""
        return self.array.shape  # type: ignore[no-any-return]

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self.array.dtype

    @property
    def ndim(self) -> int:
        """The number of dims."""
        return self.array.ndim

    @property
    def device(self) -> str:
        """Always "cpu"."""
        return "cpu"

    @property
    def itemsize(self) -> int:
        """The bytes of one element."""
        return self.array.itemsize

    @property
    def nbytes(self) -> int:
        """The bytes of all elements."""
        return self.array.nbytes

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dim."""
        if dim is None:
            return self.shape
        if not -self.ndim <= dim < self.ndim:
            raise IndexError(f"size: dim {dim} is out of range for shape {self.shape}")
        return self.shape[dim]

    def dim(self) -> int:
        """The number of dims."""
        return self.array.ndim

    def numel(self) -> int:
        """The number of elements."""
        return self.array.size

    ndimension, nelement = dim, numel

    def element_size(self) -> int:
        """The bytes of one element."""
        return self.array.itemsize

    def is_contiguous(self) -> bool:
        """Whether the elements lie in row-major order without gaps."""
        return self.array.flags.c_contiguous

    def is_floating_point(self) -> bool:
        """Whether the dtype is float16, float32 or float64."""
        return self.array.dtype.kind == "f"

    def stride(self, dim: int | None = None) -> Any:
        """How many elements apart neighbours along each dim, or along one, lie in memory."""
        strides = tuple(s // self.array.itemsize for s in self.array.strides)
        return strides if dim is None else strides[check_dims(self.shape, dim)[0]]

    def data_ptr(self) -> int:
        """The address of the first element."""
        return int(self.array.ctypes.data)

    # ---- gradients: PyTorch's interface, provided by tt-autograd -----------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are followed for ``backward()``."""
        return engine().requires_grad(self)

    @requires_grad.setter
    def requires_grad(self, flag: bool) -> None:
        if flag and not self.is_leaf:
            raise RuntimeError(
                "requires_grad of a computed tensor cannot be set: it follows from what it was "
                "computed from. Use x.detach() for a tensor without a past"
            )
        engine().set_requires_grad(self, flag)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set ``requires_grad`` and return the tensor itself."""
        engine().set_requires_grad(self, requires_grad)
        return self

    @property
    def grad(self) -> Tensor | None:
        """The gradient that ``backward()`` has accumulated, or None."""
        slot = self._graph
        return None if slot is None else slot.grad

    @grad.setter
    def grad(self, grad: Tensor | None) -> None:
        slot = self._graph
        if grad is None and slot is not None:  # every step does it, for every parameter
            slot.grad = None
        else:
            engine().set_grad(self, grad)

    @property
    def grad_fn(self) -> Any:
        """The node of the graph that computed this tensor; None for a leaf."""
        return engine().grad_fn(self)

    @property
    def is_leaf(self) -> bool:
        """Whether it was made by the user and not by an operation that is followed."""
        return engine().is_leaf(self)

    def retain_grad(self) -> None:
        """Keep the gradient of a tensor that is not a leaf, too."""
        engine().retain_grad(self)

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Add the derivative of this tensor by every leaf to that leaf's ``.grad``.

        Args:
            gradient: the derivative of whatever follows by this tensor, of its shape; may be left
                out for a single element.
            retain_graph: keep what the rules need, so that backward can run again.
            create_graph: make the gradients differentiable themselves.
            inputs: the leaves wanted, a Tensor or several; all if None.
        """
        engine().backward(self, gradient, retain_graph, create_graph, inputs)

    def detach(self) -> Tensor:
        """The same memory, cut off from the graph."""
        return wrap(self.array)

    @property
    def data(self) -> Tensor:
        """The same memory, cut off from the graph; assigning replaces this tensor's memory."""
        return wrap(self.array)

    @data.setter
    def data(self, value: Tensor) -> None:
        self.array = value.array

    # ---- to and from Python and NumPy --------------------------------------------------------

    def numpy(self) -> Array:
        """The NumPy array on the same memory.

        Raises:
            RuntimeError: the tensor requires grad; changes by NumPy could not be followed.
        """
        if self.requires_grad:
            raise RuntimeError(
                "numpy() on a tensor that requires grad: NumPy's changes to it could not be "
                "followed. Use x.detach().numpy()"
            )
        return self.array

    def item(self) -> Any:
        """The only element, as a Python number."""
        if self.array.size != 1:
            raise RuntimeError(
                f"item() needs exactly one element, got shape {self.shape}; use tolist() for more"
            )
        return self.array.item()

    def tolist(self) -> Any:
        """Nested Python lists of numbers."""
        return self.array.tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __len__(self) -> int:
        if not self.array.ndim:
            raise TypeError("a 0-d tensor has no len(); its one value is x.item()")
        return len(self.array)

    def __iter__(self) -> Iterator[Tensor]:
        if not self.array.ndim:
            raise TypeError("a 0-d tensor cannot be iterated over; its one value is x.item()")
        return (self[i] for i in range(len(self.array)))

    def __bool__(self) -> bool:
        if self.array.size != 1:
            raise RuntimeError(
                f"a tensor of shape {self.shape} is neither true nor false; use .any() or .all()"
            )
        return bool(self.array.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return operator.index(self.item())

    def __contains__(self, value: Any) -> bool:
        return bool((self == value).any())

    def __repr__(self) -> str:
        return format_tensor(self)

    def __format__(self, spec: str) -> str:
        """A single number as Python shows it: f"{loss}" is "0.25"; others as ``repr`` does."""
        return format(repr(self) if self.ndim else self.item(), spec)

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        """A copy with memory of its own; only leaves can be copied, as in PyTorch."""
        if not self.is_leaf:
            raise RuntimeError("only leaf tensors can be deep-copied; use x.detach().clone()")
        copied = type(self).__new__(type(self))
        copied.array, copied._graph = self.array.copy(), None
        memo[id(self)] = copied
        if self.requires_grad:
            copied.requires_grad = True
            if (grad := self.grad) is not None:
                copied.grad = wrap(grad.array.copy())
        return copied

    def __reduce__(self) -> Any:
        raise TypeError(
            "tensors are not pickled, for loading a pickle runs whatever code is in it; "
            "save with tt_nn.save (safetensors) or pass x.numpy()"
        )

    # ---- dtype -------------------------------------------------------------------------------

    def to(
        self,
        *args: Any,
        dtype: Any = None,
        device: Any = None,
        non_blocking: bool = False,
        copy: bool = False,
    ) -> Tensor:
        """With another dtype: ``x.to(float64)``, ``x.to(other)``; the only device is "cpu".

        Returns the tensor itself if there is nothing to change and no copy is asked for.

        Args:
            non_blocking: changes nothing, as in PyTorch where no device has to be waited for.
        """
        for arg in args:
            if isinstance(arg, Tensor):
                dtype = arg.dtype
            elif isinstance(arg, str) and arg.partition(":")[0] in ("cpu", "cuda", "mps", "meta"):
                device = arg
            else:
                dtype = arg
        check_device(device)
        target = self.dtype if dtype is None else canonical(dtype)
        if target == self.dtype:
            return self.clone() if copy else self
        return apply(ops.cast, self, dtype=target)

    def type(self, dtype: Any) -> Tensor:
        """With another dtype."""
        return self.to(dtype)

    def astype(self, dtype: Any) -> Tensor:
        """With another dtype, by NumPy's name."""
        return self.to(dtype)

    def cpu(self) -> Tensor:
        """Itself: there is no other device."""
        return self

    def float(self) -> Tensor:
        """As float32."""
        return self.to(float32)

    def double(self) -> Tensor:
        """As float64."""
        return self.to(float64)

    def half(self) -> Tensor:
        """As float16."""
        return self.to(float16)

    def long(self) -> Tensor:
        """As int64."""
        return self.to(int64)

    def int(self) -> Tensor:
        """As int32."""
        return self.to(int32)

    def short(self) -> Tensor:
        """As int16."""
        return self.to(int16)

    def char(self) -> Tensor:
        """As int8."""
        return self.to(int8)

    def byte(self) -> Tensor:
        """As uint8."""
        return self.to(uint8)

    def bool(self) -> Tensor:
        """As bool: True where not zero."""
        return self.to(bool_)

    # ---- new tensors of this one's dtype; options are requires_grad and device ----------------

    def new_zeros(self, *size: Any, dtype: Any = None, **options: Any) -> Tensor:
        """Zeros of the given shape and this dtype."""
        from .creation import zeros

        return zeros(*size, dtype=dtype or self.dtype, **options)

    def new_ones(self, *size: Any, dtype: Any = None, **options: Any) -> Tensor:
        """Ones of the given shape and this dtype."""
        from .creation import ones

        return ones(*size, dtype=dtype or self.dtype, **options)

    def new_empty(self, *size: Any, dtype: Any = None, **options: Any) -> Tensor:
        """Uninitialised memory in the given shape and this dtype."""
        from .creation import empty

        return empty(*size, dtype=dtype or self.dtype, **options)

    def new_full(self, size: Any, fill_value: Any, dtype: Any = None, **options: Any) -> Tensor:
        """One value in the given shape and this dtype."""
        from .creation import full

        return full(size, fill_value, dtype or self.dtype, **options)

    def new_tensor(self, data: Any, dtype: Any = None, **options: Any) -> Tensor:
        """The data in this dtype."""
        from .creation import tensor

        return tensor(data, dtype or self.dtype, **options)

    # ---- arithmetic --------------------------------------------------------------------------

    def __add__(self, other: Any) -> Tensor:
        return apply_pair(ops.add, self, other)

    def __radd__(self, other: Any) -> Tensor:
        return apply_pair(ops.add, self, other)

    def __sub__(self, other: Any) -> Tensor:
        return apply_pair(ops.sub, self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return apply(ops.sub, other, self)

    def __mul__(self, other: Any) -> Tensor:
        return apply_pair(ops.mul, self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return apply_pair(ops.mul, self, other)

    def __truediv__(self, other: Any) -> Tensor:
        return apply_pair(ops.div, self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return apply(ops.div, other, self)

    def __floordiv__(self, other: Any) -> Tensor:
        return apply_pair(ops.floor_divide, self, other)

    def __rfloordiv__(self, other: Any) -> Tensor:
        return apply(ops.floor_divide, other, self)

    def __mod__(self, other: Any) -> Tensor:
        return apply_pair(ops.remainder, self, other)

    def __rmod__(self, other: Any) -> Tensor:
        return apply(ops.remainder, other, self)

    def __pow__(self, other: Any) -> Tensor:
        return apply_pair(ops.power, self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return apply(ops.power, other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return apply_pair(ops.matmul, self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return apply(ops.matmul, other, self)

    def __neg__(self) -> Tensor:
        return apply_one(ops.neg, self)

    def __pos__(self) -> Tensor:
        return self

    def __abs__(self) -> Tensor:
        return apply_one(ops.absolute, self)

    def __invert__(self) -> Tensor:
        return apply_one(ops.bitwise_not, self)

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        return _comparison(ops.eq, self, other)  # type: ignore[no-any-return]

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        return _comparison(ops.ne, self, other)  # type: ignore[no-any-return]

    def __lt__(self, other: Any) -> Tensor:
        return apply_pair(ops.lt, self, other)

    def __le__(self, other: Any) -> Tensor:
        return apply_pair(ops.le, self, other)

    def __gt__(self, other: Any) -> Tensor:
        return apply_pair(ops.gt, self, other)

    def __ge__(self, other: Any) -> Tensor:
        return apply_pair(ops.ge, self, other)

    def __and__(self, other: Any) -> Tensor:
        return apply_pair(ops.bitwise_and, self, other)

    def __or__(self, other: Any) -> Tensor:
        return apply_pair(ops.bitwise_or, self, other)

    def __xor__(self, other: Any) -> Tensor:
        return apply_pair(ops.bitwise_xor, self, other)

    def __lshift__(self, other: Any) -> Tensor:
        return apply_pair(ops.left_shift, self, other)

    def __rshift__(self, other: Any) -> Tensor:
        return apply_pair(ops.right_shift, self, other)

    def __rlshift__(self, other: Any) -> Tensor:
        return apply(ops.left_shift, other, self)

    def __rrshift__(self, other: Any) -> Tensor:
        return apply(ops.right_shift, other, self)

    __rand__ = __and__
    __ror__ = __or__
    __rxor__ = __xor__

    add, sub, mul, div = elementwise.add, elementwise.sub, elementwise.mul, elementwise.div
    true_divide = divide = elementwise.div
    multiply, subtract = elementwise.mul, elementwise.sub
    floor_divide, remainder, pow = (
        elementwise.floor_divide,
        elementwise.remainder,
        elementwise.pow,
    )
    maximum, minimum, atan2 = elementwise.maximum, elementwise.minimum, elementwise.atan2
    eq, ne, lt = elementwise.eq, elementwise.ne, elementwise.lt
    le, gt, ge = elementwise.le, elementwise.gt, elementwise.ge
    logical_not, logical_and = elementwise.logical_not, elementwise.logical_and
    logical_or, logical_xor = elementwise.logical_or, elementwise.logical_xor
    lerp, addcmul, addcdiv = elementwise.lerp, elementwise.addcmul, elementwise.addcdiv
    equal, allclose, isclose = comparison.equal, comparison.allclose, comparison.isclose

    # ---- functions of one variable -----------------------------------------------------------

    neg, abs, sign = elementwise.neg, elementwise.abs, elementwise.sign
    round, floor, ceil = elementwise.round, elementwise.floor, elementwise.ceil
    trunc = elementwise.trunc
    exp, expm1 = elementwise.exp, elementwise.expm1
    log, log2, log10, log1p = (
        elementwise.log,
        elementwise.log2,
        elementwise.log10,
        elementwise.log1p,
    )
    sqrt, rsqrt, reciprocal, square = (
        elementwise.sqrt,
        elementwise.rsqrt,
        elementwise.reciprocal,
        elementwise.square,
    )
    sin, cos, tan = elementwise.sin, elementwise.cos, elementwise.tan
    asin, acos, atan = elementwise.asin, elementwise.acos, elementwise.atan
    sinh, cosh, tanh = elementwise.sinh, elementwise.cosh, elementwise.tanh
    sigmoid, relu, erf = elementwise.sigmoid, elementwise.relu, elementwise.erf
    clamp, masked_fill, clone = elementwise.clamp, elementwise.masked_fill, elementwise.clone
    clip = elementwise.clamp

    def clamp_min(self, min: Any) -> Tensor:
        """max(x, min)."""
        return self.clamp(min=min)

    def clamp_max(self, max: Any) -> Tensor:
        """min(x, max)."""
        return self.clamp(max=max)

    isnan, isinf, isfinite = elementwise.isnan, elementwise.isinf, elementwise.isfinite

    def where(self, condition: Tensor, other: Any) -> Tensor:
        """x where the condition is True, ``other`` elsewhere."""
        return apply(ops.where, condition, self, other)

    # ---- reductions --------------------------------------------------------------------------

    sum, mean, var, std = reductions.sum, reductions.mean, reductions.var, reductions.std
    max, min, amax, amin = reductions.max, reductions.min, reductions.amax, reductions.amin
    argmax, argmin, argsort = reductions.argmax, reductions.argmin, reductions.argsort
    prod, cumsum, cumprod = reductions.prod, reductions.cumsum, reductions.cumprod
    logsumexp, norm = reductions.logsumexp, reductions.norm
    any, all, count_nonzero = reductions.any, reductions.all, reductions.count_nonzero
    unique, bincount = counting.unique, counting.bincount
    sort, topk = reductions.sort, reductions.topk

    # ---- products ----------------------------------------------------------------------------

    matmul, mm, bmm, mv = linalg.matmul, linalg.mm, linalg.bmm, linalg.mv
    dot, outer, trace = linalg.dot, linalg.outer, linalg.trace

    # ---- shapes ------------------------------------------------------------------------------

    reshape, view, flatten = shapes.reshape, shapes.view, shapes.flatten
    squeeze, unsqueeze = shapes.squeeze, shapes.unsqueeze
    transpose = swapaxes = shapes.transpose
    permute, expand = shapes.permute, shapes.expand
    broadcast_to, repeat, contiguous = shapes.broadcast_to, shapes.repeat, shapes.contiguous
    split, chunk, unbind = shapes.split, shapes.chunk, shapes.unbind
    flip, roll = shapes.flip, shapes.roll
    unflatten, movedim, tile = shapes.unflatten, shapes.movedim, shapes.tile
    narrow, select, repeat_interleave = shapes.narrow, shapes.select, shapes.repeat_interleave
    tril, triu, diagonal, diag = shapes.tril, shapes.triu, shapes.diagonal, shapes.diag

    def view_as(self, other: Tensor) -> Tensor:
        """A view with the other tensor's shape."""
        return self.view(other.shape)

    def reshape_as(self, other: Tensor) -> Tensor:
        """In the other tensor's shape."""
        return self.reshape(other.shape)

    def expand_as(self, other: Tensor) -> Tensor:
        """Expanded to the other tensor's shape."""
        return self.expand(other.shape)

    def type_as(self, other: Tensor) -> Tensor:
        """With the other tensor's dtype."""
        return self.to(other.dtype)

    def t(self) -> Tensor:
        """A matrix transposed; vectors and single numbers as they are."""
        if self.ndim > 2:
            raise ValueError(f"t() expects at most 2 dims, got shape {self.shape}; use .mT")
        return self.transpose(0, 1) if self.ndim == 2 else self

    @property
    def T(self) -> Tensor:
        """The dims in reverse order."""
        return apply(ops.permute, self, dims=tuple(range(self.ndim))[::-1])

    @property
    def mT(self) -> Tensor:
        """The last two dims swapped: each matrix of the stack transposed."""
        if self.ndim < 2:
            raise ValueError(f"mT needs at least 2 dims, got shape {self.shape}")
        return apply(ops.swapaxes, self, dim0=-2, dim1=-1)

    # ---- positions ---------------------------------------------------------------------------

    __getitem__ = indexing.getitem
    gather, index_select = indexing.gather, indexing.index_select
    scatter, scatter_add = indexing.scatter, indexing.scatter_add
    index_add, masked_select = indexing.index_add, indexing.masked_select
    take_along_dim = indexing.take_along_dim
    nonzero = indexing.nonzero

    # ---- in place ----------------------------------------------------------------------------

    __setitem__ = inplace.setitem
    __iadd__, __isub__ = inplace.add_, inplace.sub_
    __imul__, __itruediv__ = inplace.mul_, inplace.div_
    __ifloordiv__, __imod__ = inplace.floor_divide_, inplace.remainder_
    __ipow__, __iand__ = inplace.pow_, inplace.bitwise_and_
    __ior__, __ixor__ = inplace.bitwise_or_, inplace.bitwise_xor_
    add_, sub_, mul_, div_ = inplace.add_, inplace.sub_, inplace.mul_, inplace.div_
    pow_, floor_divide_, remainder_ = inplace.pow_, inplace.floor_divide_, inplace.remainder_
    lerp_, addcmul_, addcdiv_ = inplace.lerp_, inplace.addcmul_, inplace.addcdiv_
    bitwise_and_, bitwise_or_ = inplace.bitwise_and_, inplace.bitwise_or_
    bitwise_xor_ = inplace.bitwise_xor_
    copy_, fill_, zero_ = inplace.copy_, inplace.fill_, inplace.zero_
    clamp_, neg_, exp_, sqrt_ = inplace.clamp_, inplace.neg_, inplace.exp_, inplace.sqrt_
    relu_, sigmoid_, tanh_ = inplace.relu_, inplace.sigmoid_, inplace.tanh_
    abs_, square_, log_ = inplace.abs_, inplace.square_, inplace.log_
    round_, floor_, ceil_ = inplace.round_, inplace.floor_, inplace.ceil_
    masked_fill_, scatter_, scatter_add_ = (
        inplace.masked_fill_,
        inplace.scatter_,
        inplace.scatter_add_,
    )
    index_add_ = inplace.index_add_
    uniform_, normal_, bernoulli_ = inplace.uniform_, inplace.normal_, inplace.bernoulli_


def _comparison(op: Op, x: Tensor, other: Any) -> Any:
    """x == other, leaving foreign objects (None, strings) to Python."""
    if isinstance(other, (Tensor, np.ndarray, np.generic, bool, int, float)):
        return apply(op, x, other)
    return NotImplemented


_allocate: Callable[[Any], Tensor] = object.__new__


def wrap(array: Array) -> Tensor:
    """A Tensor on an existing array, without a copy."""
    tensor = _allocate(Tensor)
    tensor.array = array
    tensor._graph = None
    return tensor


def is_tensor(obj: Any, /) -> bool:
    """Whether the value is a Tensor."""
    return isinstance(obj, Tensor)


def numel(input: Tensor) -> int:
    """The number of elements."""
    return input.numel()


def is_floating_point(input: Tensor) -> bool:
    """Whether the dtype is float16, float32 or float64."""
    return input.is_floating_point()


def check_device(device: Any) -> None:
    """Raise for a device other than the "cpu"."""
    if device is not None and str(device).partition(":")[0] != "cpu":
        raise RuntimeError(f'the only device is "cpu", got {device!r}')


results_are(Tensor)
