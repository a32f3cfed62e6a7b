"""How good predictions are, in terms a person understands."""

from __future__ import annotations

from tt_tensor import Tensor

__all__ = ["accuracy"]


def accuracy(logits: Tensor, targets: Tensor) -> float:
    """The share of rows whose largest logit is that of the target class.

    Shape: logits (..., classes), targets (...) of class numbers -> a number from 0 to 1.

    >>> from tt_tensor import tensor
    >>> accuracy(tensor([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0]]), tensor([0, 1, 1]))
    0.6666666666666666
    """
    if logits.shape[:-1] != targets.shape:
        raise ValueError(
            f"accuracy expects logits (..., classes) and targets (...); got {logits.shape} and "
            f"{targets.shape}"
        )
    return float((logits.array.argmax(-1) == targets.array).mean())
