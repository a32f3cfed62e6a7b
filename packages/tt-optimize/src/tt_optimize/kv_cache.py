"""Remembering keys and values, so that each new token costs one position instead of all of them.

What it buys: n tokens cost n positions of the model, not n²/2. What it costs: memory, which grows
with the length of the text, the layers, and how many texts are written side by side. Two ways to
spend less of it are heads that share keys and values (``GPTConfig.n_kv_head``), and a window.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tt_models import GPT
from tt_tensor import Tensor
from tt_tensor.tensor import wrap

from .aligned import aligned_empty

__all__ = ["KVCache"]

Array = np.ndarray[Any, np.dtype[Any]]


class KVCache:
    """The keys and values of every layer and position, in memory that is allocated once.

    Without a cache, writing the t-th token runs the model on all t tokens: n tokens cost about n²/2
    positions. The keys and values of earlier positions do not change, so with a cache they are
    computed once: n tokens cost n positions, plus attention over what is stored.

    With a window, each position attends only to the last ``window`` positions, itself included: to
    j with i - window < j <= i. Older keys and values are not needed again, so new ones take their
    places, and memory and attention stop growing. This is another model than the one with full
    attention: exactly the one whose causal mask is cut off below its ``window``-th diagonal. What
    position 0 has said can still reach far ahead, window - 1 positions with each layer. A position
    keeps its number, whatever has been forgotten, so learned and rotary positions mean what they
    meant; the text may grow to the model's block_size, beyond which ``generate`` slides.

    Args:
        model: the GPT it serves.
        batch_size: how many texts are written side by side.
        max_len: the longest text it can hold; the model's block_size if None.
        window: how many positions back each position looks, itself included; all if None.

    Raises:
        TypeError: the model is no GPT, or a size is no whole number.
        ValueError: a size out of range.

    Memory: 2 · n_layer · batch_size · max_len · kv_heads · head_size numbers, with a window that
    many with ``window`` for ``max_len``; see ``nbytes``.

    A pass that an exception ends leaves the cache as it was: positions count once the model says
    that all layers are done, and until then nothing is written over that is still needed. What is
    stored belongs to the weights it was computed with: ``reset()`` after changing them.

    Source: the window is that of Beltagy et al. 2020 (Longformer), §3.1, kept in a ring as Jiang et
    al. 2023 (Mistral 7B), §2.

    >>> from tt_models import GPTConfig, generate
    >>> from tt_tensor import tensor
    >>> model = GPT(GPTConfig(vocab_size=11, block_size=16, n_layer=2, n_head=2, n_embd=16))
    >>> cache = KVCache(model)
    >>> with_cache = generate(model, tensor([[1, 2, 3]]), 5, temperature=0, cache=cache)
    >>> without = generate(model, tensor([[1, 2, 3]]), 5, temperature=0)
    >>> with_cache.tolist() == without.tolist()
    True
    >>> cache.nbytes, KVCache(model, window=4).nbytes
    (4096, 1024)
    """

    def __init__(
        self,
        model: GPT,
        batch_size: int = 1,
        max_len: int | None = None,
        *,
        window: int | None = None,
    ) -> None:
        config = getattr(model, "config", None)
        if config is None:
            raise TypeError(f"KVCache: expected a GPT, got {type(model).__name__}")
        max_len = config.block_size if max_len is None else max_len
        sizes = (batch_size, max_len, 1 if window is None else window)
        if not all(isinstance(size, int | np.integer) for size in sizes):
            raise TypeError(
                "KVCache: expected whole numbers for batch_size, max_len and window; got "
                f"{batch_size!r}, {max_len!r} and {window!r}"
            )
        if batch_size <= 0 or not 0 < max_len <= config.block_size:
            raise ValueError(
                f"KVCache: expected a positive batch_size and max_len of 1 to block_size = "
                f"{config.block_size}, got {batch_size} and {max_len}"
            )
        if window is not None and window <= 0:
            raise ValueError(f"KVCache: expected a window of at least 1, or None; got {window}")
        self.batch_size = batch_size
        self.max_len = max_len
        self.window = window if window is not None and window < max_len else None
        self.slots = max_len if self.window is None else self.window
        self._shape = shape = (
            config.n_layer,
            batch_size,
            config.kv_heads,
            self.slots,
            config.head_size,
        )
        dtype = next(model.parameters()).dtype
        self.keys = aligned_empty(shape, dtype)
        self.values = aligned_empty(shape, dtype)
        self._length = 0
        # with a window, what a pass over several positions will write once it is complete
        self._waiting: dict[int, tuple[Array, Array]] = {}

    @property
    def length(self) -> int:
        """The number of positions seen."""
        return self._length

    @property
    def nbytes(self) -> int:
        """The bytes of the memory that was allocated for keys and values."""
        return self.keys.nbytes + self.values.nbytes

    def update(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Store a layer's new keys and values and return all that the new positions may look at.

        Shape: (B, H, T, D) -> (B, H, length + T, D), in order. With a window, of the stored ones
        only the last window - 1 come back; and to a single new position (T = 1), which sees them
        all, they come in any order.

        Raises:
            RuntimeError: operations are being recorded, and writing to memory cannot be followed.
            ValueError: keys of another model's shape or another batch size, or more positions than
                max_len.
        """
        if key.requires_grad or value.requires_grad:
            raise RuntimeError(
                "a KVCache is for inference: run the model under no_grad() (generate() does)"
            )
        keys, values = self.store(layer, key.array, value.array)
        return wrap(keys), wrap(values)

    def store(self, layer: int, key: Array, value: Array) -> tuple[Array, Array]:
        """``update`` on arrays, for those who compute with arrays alone."""
        self._check(layer, key.shape, key.dtype)
        if self.window is not None:
            return self._store_in_ring(layer, key, value)
        return self._store(layer, key, value)

    def _check(self, layer: int, shape: tuple[int, ...], dtype: Any) -> None:
        """Raise unless keys (B, H, T, D) of this shape can be stored for this layer."""
        layers, batch_size, heads, _, size = self._shape
        end = self._length + shape[2]
        if shape[0] != batch_size:
            raise ValueError(
                f"the KVCache was made for batch_size={batch_size}, got {shape[0]}; "
                "make a new one: KVCache(model, batch_size=...)"
            )
        if layer >= layers or shape[1] != heads or shape[3] != size or dtype != self.keys.dtype:
            raise ValueError(
                f"the KVCache was made for {layers} layers with keys of {self.keys.dtype} (batch, "
                f"{heads} heads, T, {size}), got {dtype}{shape} for layer {layer}; make one for "
                "this model: KVCache(model)"
            )
        if end > self.max_len:
            raise ValueError(
                f"the KVCache holds {self.max_len} positions, {end} are needed; make a longer one, "
                "up to the model's block_size: KVCache(model, max_len=...)"
            )

    def _store(self, layer: int, k: Array, v: Array) -> tuple[Array, Array]:
        """Write after what is there. Views of the cache's memory come back."""
        start, end = self._length, self._length + k.shape[2]
        keys, values = self.keys[layer], self.values[layer]
        keys[:, :, start:end] = k
        values[:, :, start:end] = v
        return keys[:, :, :end], values[:, :, :end]

    def _store_in_ring(self, layer: int, k: Array, v: Array) -> tuple[Array, Array]:
        """Position p goes to slot p % window. Several at once wait until the pass is complete, for
        they would take the places of keys that are needed if it fails."""
        keys, values = self.keys[layer], self.values[layer]
        if k.shape[2] == 1:  # takes the place of the one that has just left the window
            self._waiting.pop(layer, None)
            slot, filled = self._length % self.slots, min(self._length + 1, self.slots)
            keys[:, :, slot] = k[:, :, 0]
            values[:, :, slot] = v[:, :, 0]
            return keys[:, :, :filled], values[:, :, :filled]
        self._waiting[layer] = k[:, :, -self.slots :].copy(), v[:, :, -self.slots :].copy()
        past = np.arange(max(0, self._length - self.slots + 1), self._length) % self.slots
        if not past.size:
            return k, v
        return (
            np.concatenate([keys[:, :, past], k], 2),
            np.concatenate([values[:, :, past], v], 2),
        )

    def advance(self, count: int) -> None:
        """``count`` positions are complete in all layers."""
        self._length += count
        for layer, (k, v) in self._waiting.items():
            at = np.arange(self._length - k.shape[2], self._length) % self.slots
            self.keys[layer][:, :, at] = k
            self.values[layer][:, :, at] = v
        self._waiting.clear()

    def reset(self) -> None:
        """Forget everything; the memory stays."""
        self._length = 0
        self._waiting.clear()
