"""The multilayer perceptron."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from tt_nn import Linear, Module, ReLU, Sequential
from tt_tensor import Tensor

__all__ = ["MLP"]


class MLP(Module):
    """Affine layers with an activation between them: x -> W₂ φ(W₁ x + b₁) + b₂.

    Args:
        sizes: the width of the input, of each hidden layer, and of the output.
        activation: makes the module φ.

    Shape: x (B, ...) with sizes[0] numbers in each item -> (B, sizes[-1])

    Source: Rumelhart, Hinton and Williams 1986.

    >>> MLP([64, 32, 10])
    MLP(
      (layers): Sequential(
        (0): Linear(in_features=64, out_features=32, bias=True)
        (1): ReLU()
        (2): Linear(in_features=32, out_features=10, bias=True)
      )
    )
    """

    def __init__(self, sizes: Sequence[int], activation: Callable[[], Module] = ReLU) -> None:
        super().__init__()
        if len(sizes) < 2 or min(sizes) <= 0:
            raise ValueError(
                f"MLP: expected positive sizes, at least of an input and an output; got {sizes}"
            )
        layers: list[Module] = []
        for i, (size_in, size_out) in enumerate(pairwise(sizes)):
            if i:
                layers.append(activation())
            layers.append(Linear(size_in, size_out))
        self.layers = Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """The output scores; images are flattened first."""
        return self.layers(x.flatten(1) if x.ndim > 2 else x)  # type: ignore[no-any-return]
