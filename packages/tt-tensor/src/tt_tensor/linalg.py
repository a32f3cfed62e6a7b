"""Matrix products."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import ops
from .door import apply, apply_pair
from .shapes import sizes

if TYPE_CHECKING:
    from .tensor import Tensor


def matmul(input: Tensor, other: Tensor) -> Tensor:
    """The matrix product x @ other.

    Shape: (..., n, k) @ (..., k, m) -> (..., n, m), leading dims broadcast; a 1-d operand counts as
    a row on the left and a column on the right.

    Raises:
        ValueError: the inner sizes differ.
        TypeError: the dtypes differ; cast one of them.
    """
    return apply_pair(ops.matmul, input, other)


def mm(input: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices."""
    if input.ndim != 2 or mat2.ndim != 2:
        raise ValueError(f"mm: expected two matrices, got shapes {input.shape} and {mat2.shape}")
    return apply_pair(ops.matmul, input, mat2)


def mv(input: Tensor, vec: Tensor) -> Tensor:
    """The product of a matrix and a vector."""
    if input.ndim != 2 or vec.ndim != 1:
        raise ValueError(
            f"mv: expected a matrix and a vector, got shapes {input.shape} and {vec.shape}"
        )
    return apply_pair(ops.matmul, input, vec)


def trace(input: Tensor) -> Tensor:
    """The sum of a matrix's diagonal."""
    if input.ndim != 2:
        raise ValueError(f"trace: expected a matrix, got shape {input.shape}")
    return input.diagonal().sum()


def bmm(input: Tensor, mat2: Tensor) -> Tensor:
    """The products of two equally long batches of matrices: (B, n, k) @ (B, k, m)."""
    if input.ndim != 3 or mat2.ndim != 3 or input.shape[0] != mat2.shape[0]:
        raise ValueError(
            f"bmm: expected shapes (B, n, k) and (B, k, m) with the same B, got {input.shape} and "
            f"{mat2.shape}; matmul broadcasts"
        )
    return apply_pair(ops.matmul, input, mat2)


def dot(input: Tensor, tensor: Tensor) -> Tensor:
    """Σ inputᵢ · tensorᵢ of two vectors of one length."""
    if input.ndim != 1 or input.shape != tensor.shape:
        raise ValueError(
            f"dot: expected two vectors of one length, got shapes {input.shape} and {tensor.shape}"
        )
    return apply_pair(ops.matmul, input, tensor)


def outer(input: Tensor, vec2: Tensor) -> Tensor:
    """The matrix of all products xᵢ · vec2ⱼ."""
    if input.ndim != 1 or vec2.ndim != 1:
        raise ValueError(f"outer: expected two vectors, got shapes {input.shape} and {vec2.shape}")
    return input.unsqueeze(1) * vec2


def einsum(equation: str, *operands: Any) -> Tensor:
    """Einstein summation: name each dim by a letter; letters missing from the output are summed.

    Without "->" the output has the letters that occur once, in alphabetical order. "..." stands
    for dims that have no letter; they broadcast.

    Raises:
        ValueError: the equation and the operands do not fit.

    >>> from tt_tensor import ones
    >>> einsum("ij,jk->ik", ones(2, 3), ones(3, 4)).shape
    (2, 4)
    """
    names, result = explicit_equation(equation).split("->")
    tensors = sizes(operands)
    if names.count(",") + 1 != len(tensors):
        raise ValueError(
            f"einsum: {equation!r} names {names.count(',') + 1} operands, got {len(tensors)}"
        )
    pairs = [_diagonals(name, x) for name, x in zip(names.split(","), tensors, strict=True)]
    equation = ",".join(name for name, _ in pairs) + "->" + result
    return apply(ops.einsum, *(x for _, x in pairs), equation=equation)


def _diagonals(name: str, x: Any) -> tuple[str, Any]:
    """An operand in which a letter occurs twice ("ii") becomes its diagonal ("i")."""
    for letter in name.replace(".", ""):
        while name.count(letter) > 1 and x.ndim >= len(name.replace("...", "")):
            first, last = name.index(letter), name.rindex(letter)
            # positions after the dots count from the right
            dims = [i if "..." not in name[:i] else i - len(name) for i in (first, last)]
            x = x.diagonal(dim1=dims[0], dim2=dims[1])
            name = name[:first] + name[first + 1 : last] + name[last + 1 :] + letter
    return name, x


def explicit_equation(equation: str) -> str:
    """The equation with its output spelled out: the letters that occur once, sorted."""
    equation = equation.replace(" ", "")
    if "->" in equation:
        return equation
    letters = sorted({c for c in equation if c.isalpha()})
    once = "".join(c for c in letters if equation.count(c) == 1)
    return f"{equation}->{'...' if '...' in equation else ''}{once}"
