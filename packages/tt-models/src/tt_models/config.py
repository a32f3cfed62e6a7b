"""The sizes and the form of a GPT."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["GPTConfig"]

CHOICES = {
    "norm": ("layer", "rms"),
    "mlp": ("gelu", "swiglu"),
    "position": ("learned", "rotary"),
}


@dataclass(frozen=True)
class GPTConfig:
    """The sizes and the form of a GPT. The defaults are GPT-2's.

    ``norm="rms", mlp="swiglu", position="rotary", bias=False, tie_weights=False`` is the form of
    Llama; each choice may also be made alone.

    Raises:
        ValueError: a size, rate or choice makes no sense; the message names it.

    >>> GPTConfig(n_embd=512, n_head=8, n_kv_head=2, mlp="swiglu").inner_size
    1368
    """

    vocab_size: int = 50304  # GPT-2's 50257, rounded up to a multiple of 64
    block_size: int = 1024  # the most tokens it sees at once
    n_layer: int = 12
    n_head: int = 12
    n_embd: int = 768
    dropout: float = 0.0
    bias: bool = True  # in linear layers and layer norms
    n_kv_head: int | None = None  # heads of keys and values; as many as queries if None
    norm: str = "layer"  # or "rms"
    mlp: str = "gelu"  # or "swiglu"
    position: str = "learned"  # or "rotary"
    rope_theta: float = 10000.0  # the base of the rotary angles
    norm_eps: float = 1e-5
    intermediate_size: int | None = None  # the width inside the MLP; see inner_size
    head_dim: int | None = None  # n_embd / n_head if None
    tie_weights: bool = True  # reading and writing a token use one table

    @property
    def kv_heads(self) -> int:
        """How many heads of keys and values there are."""
        return self.n_head if self.n_kv_head is None else self.n_kv_head

    @property
    def head_size(self) -> int:
        """The length of one head's vectors."""
        return self.n_embd // self.n_head if self.head_dim is None else self.head_dim

    @property
    def inner_size(self) -> int:
        """The width inside the MLP. If not given, 4 · n_embd; for SwiGLU, which has three matrices
        in the place of two, 8/3 · n_embd, rounded up to a multiple of 8."""
        if self.intermediate_size is not None:
            return self.intermediate_size
        return 4 * self.n_embd if self.mlp == "gelu" else -(-self.n_embd // 3) * 8

    def __post_init__(self) -> None:
        self._check_sizes()
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                expected = " or ".join(map(repr, choices))
                raise ValueError(
                    f"GPTConfig: {name} must be {expected}, got {getattr(self, name)!r}"
                )
        if self.n_head % self.kv_heads:
            raise ValueError(
                "GPTConfig: n_head must be a multiple of n_kv_head, so that groups of query heads "
                f"share keys and values evenly; got {self.n_head} and {self.kv_heads}"
            )
        if self.position == "rotary" and self.head_size % 2:
            raise ValueError(
                "GPTConfig: rotary positions turn pairs of numbers, so the size of a head must be "
                f"even, got {self.head_size}"
            )
        self._check_numbers()

    def _check_numbers(self) -> None:
        numbers = (self.dropout, self.rope_theta, self.norm_eps)
        real = all(isinstance(n, int | float | np.number) for n in numbers)
        if not real or not (
            0 <= self.dropout <= 1 and 0 < self.rope_theta < np.inf and self.norm_eps > 0
        ):
            raise ValueError(
                "GPTConfig: expected dropout in 0 to 1, rope_theta and norm_eps above 0; got "
                f"{self.dropout!r}, {self.rope_theta!r} and {self.norm_eps!r}"
            )

    def _check_sizes(self) -> None:
        sizes = {
            name: getattr(self, name)
            for name in ("n_embd", "n_head", "vocab_size", "block_size", "n_layer")
        }
        for name in ("n_kv_head", "intermediate_size", "head_dim"):
            if getattr(self, name) is not None:
                sizes[name] = getattr(self, name)
        whole = all(isinstance(n, int | np.integer) and n > 0 for n in sizes.values())
        if not whole or (self.head_dim is None and self.n_embd % self.n_head):
            raise ValueError(
                "GPTConfig: all sizes must be positive and n_embd a multiple of n_head (or head_dim"
                " given), got " + ", ".join(f"{name}={size!r}" for name, size in sizes.items())
            )
