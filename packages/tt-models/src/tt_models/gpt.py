"""GPT: a transformer that predicts the next token. Names and shape follow nanoGPT.

What Llama does otherwise (RMSNorm, rotary positions, SwiGLU, grouped queries) are choices of
``GPTConfig``; each takes the place, and the name, of GPT-2's part.
"""

from __future__ import annotations

import math
from os import PathLike
from pathlib import Path
from typing import Self

import numpy as np

from tt_nn import (
    GELU,
    Dropout,
    Embedding,
    LayerNorm,
    Linear,
    Module,
    ModuleDict,
    ModuleList,
    RMSNorm,
    RotaryEmbedding,
    SwiGLU,
    functional as F,
    init,
)
from tt_tensor import Tensor, arange
from tt_tensor.tensor import wrap
from tt_text import LearnedPositionalEmbedding

from .cache import Cache
from .config import GPTConfig
from .huggingface import read_folder, write_folder

__all__ = ["GPT", "MLP", "Block", "CausalSelfAttention", "GatedMLP"]


class CausalSelfAttention(Module):
    """Each position gathers from itself and those before it, in n_head subspaces.

    With fewer heads of keys and values, groups of query heads share one (Ainslie et al. 2023).

    Shape: x (B, T, C) -> (B, T, C)
    """

    def __init__(self, config: GPTConfig, layer: int = 0) -> None:
        super().__init__()
        self.layer = layer
        self.n_head, self.n_kv_head = config.n_head, config.kv_heads
        self.head_dim = config.head_size
        self.dropout = config.dropout
        # how much of c_attn's output is queries, keys and values
        self.widths = [heads * self.head_dim for heads in (self.n_head, *(self.n_kv_head,) * 2)]
        # query, key and value projections of all heads, in one product
        self.c_attn = Linear(config.n_embd, sum(self.widths), bias=config.bias)
        self.c_proj = Linear(self.widths[0], config.n_embd, bias=config.bias)
        self.resid_dropout = Dropout(config.dropout)
        self.rotary: RotaryEmbedding | None = None
        if config.position == "rotary":
            self.rotary = RotaryEmbedding(self.head_dim, config.block_size, config.rope_theta)

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        """The attended x; with a cache x holds only the new positions."""
        B, T, _ = x.shape  # batch, time, channels
        q, k, v = self.c_attn(x).split(self.widths, dim=2)
        q = q.view(B, T, self.n_head, self.head_dim).transpose(1, 2)  # (B, H, T, D)
        k = k.view(B, T, self.n_kv_head, self.head_dim).transpose(1, 2)
        v = v.view(B, T, self.n_kv_head, self.head_dim).transpose(1, 2)
        drop = self.dropout if self.training else 0.0
        past = 0 if cache is None else cache.length
        if self.rotary is not None:
            positions = arange(past, past + T)
            q, k = self.rotary(q, positions), self.rotary(k, positions)
        window = None
        if cache is not None:
            k, v = cache.update(self.layer, k, v)  # (B, H, past + T, D)
            window = cache.window
        mask = _causal_mask(T, k.shape[2], window)
        causal = mask is None and T > 1  # one query sees all the keys there are
        y = F.scaled_dot_product_attention(
            q, k, v, mask, drop, is_causal=causal, enable_gqa=self.n_kv_head < self.n_head
        )
        y = y.transpose(1, 2).reshape(B, T, self.widths[0])  # the heads side by side
        return self.resid_dropout(self.c_proj(y))  # type: ignore[no-any-return]


def _causal_mask(new: int, total: int, window: int | None) -> Tensor | None:
    """True where one of the last ``new`` positions may look, (new, total): at itself and before,
    with a window at so many positions in all. None where nothing but causality hides any."""
    if new == 1 or (new == total and (window is None or total <= window)):
        return None
    mask = np.tri(new, total, total - new, dtype=bool)
    if window is not None:
        mask &= ~np.tri(new, total, total - new - window, dtype=bool)
    return wrap(mask)


class MLP(Module):
    """Two layers on each position alone, four times as wide inside.

    Shape: x (B, T, C) -> (B, T, C)
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.c_fc = Linear(config.n_embd, config.inner_size, bias=config.bias)
        self.gelu = GELU(approximate="tanh")  # as GPT-2
        self.c_proj = Linear(config.inner_size, config.n_embd, bias=config.bias)
        self.dropout = Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """c_proj(gelu(c_fc(x)))."""
        return self.dropout(self.c_proj(self.gelu(self.c_fc(x))))  # type: ignore[no-any-return]


class GatedMLP(SwiGLU):
    """Llama's in its place: w2(silu(w1 x) · w3 x).

    Shape: x (B, T, C) -> (B, T, C)
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__(config.n_embd, config.inner_size, bias=config.bias)
        self.dropout = Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """w2(silu(w1 x) · w3 x)."""
        return self.dropout(super().forward(x))  # type: ignore[no-any-return]


def _norm(config: GPTConfig) -> LayerNorm | RMSNorm:
    if config.norm == "rms":
        return RMSNorm(config.n_embd, config.norm_eps)
    return LayerNorm(config.n_embd, config.norm_eps, bias=config.bias)


class Block(Module):
    """One layer of the transformer: x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, config: GPTConfig, layer: int = 0) -> None:
        super().__init__()
        self.ln_1 = _norm(config)
        self.attn = CausalSelfAttention(config, layer)
        self.ln_2 = _norm(config)
        self.mlp = MLP(config) if config.mlp == "gelu" else GatedMLP(config)

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        """Both halves, each added to its input."""
        x = x + self.attn(self.ln_1(x), cache)
        x = x + self.mlp(self.ln_2(x))
        return x


class GPT(Module):
    """A language model: the scores of every possible next token, at each position.

    Args:
        config: the sizes.

    Shape: idx (B, T) of token ids with T <= block_size -> logits (B, T, vocab_size)

    Source: Radford et al. 2019; Karpathy's nanoGPT for the names.

    >>> from tt_tensor import tensor
    >>> model = GPT(GPTConfig(vocab_size=11, block_size=8, n_layer=2, n_head=2, n_embd=16))
    >>> logits, loss = model(tensor([[1, 2, 3]]), targets=tensor([[2, 3, 4]]))
    >>> logits.shape, loss.shape
    ((1, 3, 11), ())
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        parts: dict[str, Module] = {"wte": Embedding(config.vocab_size, config.n_embd)}
        if config.position == "learned":
            parts["wpe"] = LearnedPositionalEmbedding(config.block_size, config.n_embd)
        parts["drop"] = Dropout(config.dropout)
        parts["h"] = ModuleList([Block(config, layer) for layer in range(config.n_layer)])
        parts["ln_f"] = _norm(config)
        self.transformer = ModuleDict(parts)
        self.lm_head = Linear(config.n_embd, config.vocab_size, bias=False)
        if config.tie_weights:  # reading and writing use one table (Press and Wolf 2017)
            self.transformer["wte"].weight = self.lm_head.weight
        self.apply(_init_weights)
        for name, parameter in self.named_parameters():
            # 2·n_layer branches add up in the residual stream; this keeps their sum's size
            if name.endswith(("c_proj.weight", "mlp.w2.weight")):
                init.normal_(parameter, 0.0, 0.02 / math.sqrt(2 * config.n_layer))

    @classmethod
    def from_pretrained(cls, folder: str | PathLike[str], *, dropout: float | None = None) -> Self:
        """Read a folder of Hugging Face's format: GPT-2 or Llama.

        It holds config.json and model.safetensors, or several such files and their index. float16
        and bfloat16 weights become float32. Pickles (pytorch_model.bin) are never read.

        Args:
            dropout: for further training; None takes the folder's.

        Returns:
            The model, in evaluation mode.

        Raises:
            FileNotFoundError: naming each file that is missing.
            ValueError: naming whatever the folder asks for that a GPT here does not do, and every
                missing, unexpected or misshapen tensor.
        """
        config, state = read_folder(Path(folder), dropout)
        model = cls(config)
        if any(array.dtype == np.float64 for array in state.values()):
            model.double()
        model.load_state_dict({name: wrap(array) for name, array in state.items()})
        return model.eval()

    def save_pretrained(self, folder: str | PathLike[str]) -> None:
        """Write config.json and model.safetensors as `transformers` reads them.

        A GPT of GPT-2's form is written as GPT-2 (with biases of 0 if it has none), one of Llama's
        form as Llama.

        Raises:
            ValueError: the choices of its GPTConfig belong to neither; the message names them.
        """
        state = {name: tensor.array for name, tensor in self.state_dict().items()}
        write_folder(Path(folder), self.config, state)

    def num_parameters(self, embeddings: bool = True) -> int:
        """The number of learned numbers, with or without the position table."""
        total = sum(parameter.numel() for parameter in self.parameters())
        if embeddings or self.config.position == "rotary":
            return total
        return total - self.config.block_size * self.config.n_embd

    def forward(
        self, idx: Tensor, targets: Tensor | None = None, cache: Cache | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """The logits and, given targets (-1: does not count), the loss; None without.

        With a cache, ``idx`` holds only the tokens that come after those in the cache.
        """
        if idx.ndim != 2 or (targets is not None and targets.shape != idx.shape):
            raise ValueError(
                f"GPT: expected idx of shape (B, T) and targets of the same, got {idx.shape} and "
                f"{None if targets is None else targets.shape}"
            )
        B, T = idx.shape
        past = 0 if cache is None else cache.length
        if past + T > self.config.block_size:
            raise ValueError(
                f"GPT: {past + T} tokens are more than block_size = {self.config.block_size}; cut "
                "the input, or let generate() slide"
            )
        parts = self.transformer
        x = parts["wte"](idx)  # (B, T, C)
        if "wpe" in parts:
            x = x + parts["wpe"](arange(past, past + T))
        x = parts["drop"](x)
        for block in parts["h"]:  # type: ignore[attr-defined]
            x = block(x, cache)
        x = parts["ln_f"](x)
        logits, loss = self.lm_head(x), None  # (B, T, V)
        if targets is not None:
            loss = F.cross_entropy(
                logits.view(B * T, logits.shape[-1]), targets.reshape(B * T), ignore_index=-1
            )
        if cache is not None:
            cache.advance(T)
        return logits, loss


def _init_weights(module: Module) -> None:
    """Normal with standard deviation 0.02, biases 0, as GPT-2."""
    if isinstance(module, Linear):
        init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            init.zeros_(module.bias)
    elif isinstance(module, Embedding):
        init.normal_(module.weight, 0.0, 0.02)
