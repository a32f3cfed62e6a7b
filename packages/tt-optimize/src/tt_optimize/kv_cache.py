"""Remembering keys and values, so that each new token costs one position instead of all of them."""

from __future__ import annotations

import numpy as np

from tt_models import GPT
from tt_tensor import Tensor
from tt_tensor.tensor import wrap

__all__ = ["KVCache"]


class KVCache:
    """The keys and values of every layer and position, in memory that is allocated once.

    Without a cache, writing the t-th token runs the model on all t tokens: n tokens cost about n²/2
    positions. The keys and values of earlier positions do not change, so with a cache they are
    computed once: n tokens cost n positions, plus attention over what is stored.

    Args:
        model: the GPT it serves.
        batch_size: how many texts are written side by side.
        max_len: the most positions it can hold; the model's block_size if None.

    Memory: 2 · n_layer · batch_size · max_len · kv_heads · head_size numbers, see ``nbytes``.

    >>> from tt_models import GPTConfig, generate
    >>> from tt_tensor import tensor
    >>> model = GPT(GPTConfig(vocab_size=11, block_size=16, n_layer=2, n_head=2, n_embd=16))
    >>> cache = KVCache(model)
    >>> with_cache = generate(model, tensor([[1, 2, 3]]), 5, temperature=0, cache=cache)
    >>> without = generate(model, tensor([[1, 2, 3]]), 5, temperature=0)
    >>> with_cache.tolist() == without.tolist()
    True
    """

    def __init__(self, model: GPT, batch_size: int = 1, max_len: int | None = None) -> None:
        config = model.config
        max_len = config.block_size if max_len is None else max_len
        if batch_size <= 0 or not 0 < max_len <= config.block_size:
            raise ValueError(
                f"KVCache: expected a positive batch_size and max_len of 1 to block_size = "
                f"{config.block_size}, got {batch_size} and {max_len}"
            )
        self.batch_size = batch_size
        self.max_len = max_len
        shape = (config.n_layer, batch_size, config.kv_heads, max_len, config.head_size)
        dtype = next(model.parameters()).dtype
        self.keys = np.empty(shape, dtype)
        self.values = np.empty(shape, dtype)
        self._length = 0

    @property
    def length(self) -> int:
        """The number of positions stored."""
        return self._length

    @property
    def nbytes(self) -> int:
        """The bytes of the memory that was allocated for keys and values."""
        return self.keys.nbytes + self.values.nbytes

    def update(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Store a layer's new keys and values after the others and return all of them.

        Shape: (B, H, T, D) -> (B, H, length + T, D), views of the cache's memory

        Raises:
            RuntimeError: operations are being recorded, and writing to memory cannot be followed.
            ValueError: another batch size, or more positions than max_len.
        """
        if key.requires_grad or value.requires_grad:
            raise RuntimeError(
                "a KVCache is for inference: run the model under no_grad() (generate() does)"
            )
        if key.shape[0] != self.batch_size:
            raise ValueError(
                f"the KVCache was made for batch_size={self.batch_size}, got {key.shape[0]}; "
                "make a new one: KVCache(model, batch_size=...)"
            )
        start, end = self._length, self._length + key.shape[2]
        if end > self.max_len:
            raise ValueError(
                f"the KVCache holds {self.max_len} positions, {end} are needed; make a longer "
                "one, up to the model's block_size: KVCache(model, max_len=...)"
            )
        keys, values = self.keys[layer], self.values[layer]
        keys[:, :, start:end] = key.array
        values[:, :, start:end] = value.array
        return wrap(keys[:, :, :end]), wrap(values[:, :, :end])

    def advance(self, count: int) -> None:
        """``count`` positions are complete in all layers."""
        self._length += count

    def reset(self) -> None:
        """Forget everything; the memory stays."""
        self._length = 0
