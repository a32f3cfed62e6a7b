"""The perceptron: the first machine that learned."""

from __future__ import annotations

from tt_nn import Linear, Module
from tt_tensor import Tensor

__all__ = ["Perceptron"]


class Perceptron(Module):
    """One neuron with a threshold: 1 where w·x + b > 0, else 0.

    Shape: x (..., in_features) -> (...), float of 0 and 1

    Source: Rosenblatt 1957.
    """

    def __init__(self, in_features: int) -> None:
        super().__init__()
        self.linear = Linear(in_features, 1)

    def score(self, x: Tensor) -> Tensor:
        """w·x + b: how far on which side of the boundary x lies, (...)."""
        return self.linear(x).squeeze(-1)  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        """The decision, 0 or 1."""
        return (self.score(x) > 0).to(x.dtype)

    def learn(self, x: Tensor, target: float, rate: float = 1.0) -> bool:
        """Rosenblatt's rule for one example: w += rate · (target - output) · x, and so for b.

        Only a wrong decision changes anything: the boundary turns towards the example. Returns
        whether the decision was wrong.

        Shape: x (in_features,); target 0 or 1
        """
        if target not in (0, 1):
            raise ValueError(f"Perceptron: the target must be 0 or 1, got {target}")
        error = target - float(self(x).item())
        if error:
            self.linear.weight.data[0] += x.detach() * (rate * error)
            self.linear.bias.data += rate * error  # type: ignore[union-attr]
        return bool(error)
