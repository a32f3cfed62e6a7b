"""Matrix products."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import ops
from .door import apply, apply_pair
from .shapes import sizes

if TYPE_CHECKING:
    from .tensor import Tensor


def matmul(x: Tensor, other: Tensor) -> Tensor:
    """The matrix product x @ other.

    Shape: (..., n, k) @ (..., k, m) -> (..., n, m), leading dims broadcast; a 1-d operand counts as
    a row on the left and a column on the right.

    Raises:
        ValueError: the inner sizes differ.
        TypeError: the dtypes differ; cast one of them.
    """
    return apply_pair(ops.matmul, x, other)


def mm(x: Tensor, mat2: Tensor) -> Tensor:
    """The product of two matrices."""
    if x.ndim != 2 or mat2.ndim != 2:
        raise ValueError(f"mm: expected two matrices, got shapes {x.shape} and {mat2.shape}")
    return apply_pair(ops.matmul, x, mat2)


def mv(x: Tensor, vec: Tensor) -> Tensor:
    """The product of a matrix and a vector."""
    if x.ndim != 2 or vec.ndim != 1:
        raise ValueError(
            f"mv: expected a matrix and a vector, got shapes {x.shape} and {vec.shape}"
        )
    return apply_pair(ops.matmul, x, vec)


def trace(x: Tensor) -> Tensor:
    """The sum of a matrix's diagonal."""
    if x.ndim != 2:
        raise ValueError(f"trace: expected a matrix, got shape {x.shape}")
    return x.diagonal().sum()


def bmm(x: Tensor, mat2: Tensor) -> Tensor:
    """The products of two equally long batches of matrices: (B, n, k) @ (B, k, m)."""
    if x.ndim != 3 or mat2.ndim != 3 or x.shape[0] != mat2.shape[0]:
        raise ValueError(
            f"bmm: expected shapes (B, n, k) and (B, k, m) with the same B, got {x.shape} and "
            f"{mat2.shape}; matmul broadcasts"
        )
    return apply_pair(ops.matmul, x, mat2)


def dot(x: Tensor, other: Tensor) -> Tensor:
    """Σ xᵢ · otherᵢ of two vectors."""
    if x.ndim != 1 or other.ndim != 1:
        raise ValueError(f"dot: expected two vectors, got shapes {x.shape} and {other.shape}")
    return apply_pair(ops.matmul, x, other)


def outer(x: Tensor, vec2: Tensor) -> Tensor:
    """The matrix of all products xᵢ · vec2ⱼ."""
    if x.ndim != 1 or vec2.ndim != 1:
        raise ValueError(f"outer: expected two vectors, got shapes {x.shape} and {vec2.shape}")
    return x.unsqueeze(1) * vec2


def einsum(equation: str, *operands: Any) -> Tensor:
    """Einstein summation: name each dim by a letter; letters missing from the output are summed.

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
