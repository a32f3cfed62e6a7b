"""GPT: a transformer that predicts the next token. Names and shape follow nanoGPT."""

from __future__ import annotations

import math
from dataclasses import dataclass

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
    functional as F,
    init,
)
from tt_tensor import Tensor, arange
from tt_tensor.tensor import wrap
from tt_text import LearnedPositionalEmbedding

from .cache import Cache

__all__ = ["GPT", "MLP", "Block", "CausalSelfAttention", "GPTConfig"]


@dataclass(frozen=True)
class GPTConfig:
    """The sizes of a GPT. The defaults are GPT-2's."""

    vocab_size: int = 50304  # GPT-2's 50257, rounded up to a multiple of 64
    block_size: int = 1024  # the most tokens it sees at once
    n_layer: int = 12
    n_head: int = 12
    n_embd: int = 768
    dropout: float = 0.0
    bias: bool = True  # in linear layers and layer norms

    def __post_init__(self) -> None:
        sizes = (self.vocab_size, self.block_size, self.n_layer, self.n_head, self.n_embd)
        if min(sizes) <= 0 or self.n_embd % self.n_head:
            raise ValueError(
                "GPTConfig: all sizes must be positive and n_embd a multiple of n_head, got "
                f"n_embd={self.n_embd}, n_head={self.n_head}, vocab_size={self.vocab_size}, "
                f"block_size={self.block_size}, n_layer={self.n_layer}"
            )


class CausalSelfAttention(Module):
    """Each position gathers from itself and those before it, in n_head subspaces.

    Shape: x (B, T, C) -> (B, T, C)
    """

    def __init__(self, config: GPTConfig, layer: int = 0) -> None:
        super().__init__()
        self.layer = layer
        self.n_head = config.n_head
        self.n_embd = config.n_embd
        self.dropout = config.dropout
        # query, key and value projections of all heads, in one product
        self.c_attn = Linear(config.n_embd, 3 * config.n_embd, bias=config.bias)
        self.c_proj = Linear(config.n_embd, config.n_embd, bias=config.bias)
        self.resid_dropout = Dropout(config.dropout)

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        """The attended x; with a cache x holds only the new positions."""
        B, T, C = x.shape  # batch, time, channels
        q, k, v = self.c_attn(x).split(self.n_embd, dim=2)
        q = q.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)  # (B, H, T, D)
        k = k.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        v = v.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        drop = self.dropout if self.training else 0.0
        past = 0 if cache is None else cache.length
        if cache is not None:
            k, v = cache.update(self.layer, k, v)  # (B, H, past + T, D)
        mask = _causal_mask(T, past + T) if past and T > 1 else None
        y = F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, dropout_p=drop, is_causal=not past
        )
        y = y.transpose(1, 2).reshape(B, T, C)  # the heads side by side
        return self.resid_dropout(self.c_proj(y))  # type: ignore[no-any-return]


def _causal_mask(new: int, total: int) -> Tensor:
    """True where one of the last ``new`` positions may look: at itself and before, (new, total)."""
    return wrap(np.tri(new, total, total - new, dtype=bool))


class MLP(Module):
    """Two layers on each position alone, four times as wide inside.

    Shape: x (B, T, C) -> (B, T, C)
    """

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.c_fc = Linear(config.n_embd, 4 * config.n_embd, bias=config.bias)
        self.gelu = GELU(approximate="tanh")  # as GPT-2
        self.c_proj = Linear(4 * config.n_embd, config.n_embd, bias=config.bias)
        self.dropout = Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """c_proj(gelu(c_fc(x)))."""
        return self.dropout(self.c_proj(self.gelu(self.c_fc(x))))  # type: ignore[no-any-return]


class Block(Module):
    """One layer of the transformer: x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, config: GPTConfig, layer: int = 0) -> None:
        super().__init__()
        self.ln_1 = LayerNorm(config.n_embd, bias=config.bias)
        self.attn = CausalSelfAttention(config, layer)
        self.ln_2 = LayerNorm(config.n_embd, bias=config.bias)
        self.mlp = MLP(config)

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
        self.transformer = ModuleDict(
            {
                "wte": Embedding(config.vocab_size, config.n_embd),
                "wpe": LearnedPositionalEmbedding(config.block_size, config.n_embd),
                "drop": Dropout(config.dropout),
                "h": ModuleList([Block(config, layer) for layer in range(config.n_layer)]),
                "ln_f": LayerNorm(config.n_embd, bias=config.bias),
            }
        )
        self.lm_head = Linear(config.n_embd, config.vocab_size, bias=False)
        # reading and writing a token use one table (Press and Wolf 2017)
        self.transformer["wte"].weight = self.lm_head.weight
        self.apply(_init_weights)
        for name, parameter in self.named_parameters():
            # 2·n_layer branches add up in the residual stream; this keeps their sum's size
            if name.endswith("c_proj.weight"):
                init.normal_(parameter, 0.0, 0.02 / math.sqrt(2 * config.n_layer))

    def num_parameters(self, embeddings: bool = True) -> int:
        """The number of learned numbers, with or without the position table."""
        total = sum(parameter.numel() for parameter in self.parameters())
        wpe: LearnedPositionalEmbedding = self.transformer["wpe"]  # type: ignore[assignment]
        return total if embeddings else total - wpe.weight.numel()

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
        x = parts["wte"](idx) + parts["wpe"](arange(past, past + T))  # (B, T, C)
        x = parts["drop"](x)
        for block in parts["h"]:  # type: ignore[attr-defined]
            x = block(x, cache)
        x = parts["ln_f"](x)
        if cache is not None:
            cache.advance(T)
        logits = self.lm_head(x)  # (B, T, V)
        if targets is None:
            return logits, None
        loss = F.cross_entropy(
            logits.view(B * T, logits.shape[-1]), targets.reshape(B * T), ignore_index=-1
        )
        return logits, loss


def _init_weights(module: Module) -> None:
    """Normal with standard deviation 0.02, biases 0, as GPT-2."""
    if isinstance(module, Linear):
        init.normal_(module.weight, 0.0, 0.02)
        if module.bias is not None:
            init.zeros_(module.bias)
    elif isinstance(module, Embedding):
        init.normal_(module.weight, 0.0, 0.02)
