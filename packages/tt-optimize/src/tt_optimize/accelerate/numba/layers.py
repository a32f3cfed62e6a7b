"""Layers whose forward, and so backward, is compiled; names, parameters and all else stay.

Each runs the plain layer's forward wherever the compiled one does not apply: on other dtypes than
float32, with dropout inside attention, with a cache.
"""

from __future__ import annotations

import numpy as np

from tt_models.cache import Cache
from tt_models.gpt import CausalSelfAttention, GatedMLP
from tt_nn import (
    GELU,
    CrossEntropyLoss,
    LayerNorm,
    Module,
    RMSNorm,
    SwiGLU,
)
from tt_tensor import Tensor, float32

from ..base import turns_heads
from .activation import compiled_gelu, compiled_silu_gate
from .attention import compiled_attention, compiled_rotary
from .cross_entropy import compiled_cross_entropy
from .normalization import compiled_layer_norm, compiled_rms_norm

__all__ = [
    "LAYERS",
    "CompiledAttention",
    "CompiledGELU",
    "CompiledGatedMLP",
    "CompiledLayerNorm",
    "CompiledRMSNorm",
]


class CompiledLayerNorm(LayerNorm):
    """LayerNorm over one dim, compiled."""

    def forward(self, input: Tensor) -> Tensor:
        """The normalised x."""
        if input.dtype != float32 or self.weight is None or self.weight.shape != input.shape[-1:]:
            return super().forward(input)
        return compiled_layer_norm(input, self.weight, self.bias, self.eps)


class CompiledRMSNorm(RMSNorm):
    """RMSNorm over one dim, compiled."""

    def forward(self, input: Tensor) -> Tensor:
        """The normalised x."""
        if input.dtype != float32 or self.weight is None or self.weight.shape != input.shape[-1:]:
            return super().forward(input)
        eps = float(np.finfo(np.float32).eps) if self.eps is None else self.eps
        return compiled_rms_norm(input, self.weight, eps)


class CompiledGELU(GELU):
    """GELU by tanh, compiled; the exact one is left to NumPy."""

    def forward(self, input: Tensor) -> Tensor:
        """The activated x."""
        if input.dtype != float32 or self.approximate != "tanh":
            return super().forward(input)
        return compiled_gelu(input)


class CompiledSwiGLU(SwiGLU):
    """SwiGLU with its gate compiled; the three products stay in BLAS."""

    def forward(self, x: Tensor) -> Tensor:
        """w2(silu(w1 x) · w3 x)."""
        if x.dtype != float32:
            return super().forward(x)
        return self.w2(compiled_silu_gate(self.w1(x), self.w3(x)))  # type: ignore[no-any-return]


class CompiledGatedMLP(GatedMLP, CompiledSwiGLU):
    """A GPT's SwiGLU: its dropout, then the compiled gate."""


class CompiledAttention(CausalSelfAttention):
    """A GPT's attention with softmax and rotary positions compiled."""

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        """The attended x."""
        dropped, length = self.dropout if self.training else 0.0, x.shape[1]
        if cache is not None or dropped or x.dtype != float32 or not x.numel():
            return super().forward(x, cache)
        rotary = self.rotary
        if not turns_heads(rotary, length, self.head_dim) or (rotary and rotary.interleaved):
            return super().forward(x, cache)
        qkv = self.c_attn(x)
        if rotary is not None:
            cos, sin = (turns[:length] for turns in rotary.turns(length, x.dtype))
            qkv = compiled_rotary(qkv, cos, sin, self.n_head + self.n_kv_head)
        y = compiled_attention(qkv, self.n_head, self.n_kv_head)
        return self.resid_dropout(self.c_proj(y))  # type: ignore[no-any-return]


class CompiledCrossEntropyLoss(CrossEntropyLoss):
    """The mean cross-entropy of (N, C) logits with class indices, compiled."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss."""
        plain = self.weight is None and self.reduction == "mean" and not self.label_smoothing
        rows = input.ndim == 2 and target.shape == input.shape[:1] and target.dtype.kind in "iu"
        if plain and rows and input.dtype == float32:
            return compiled_cross_entropy(input, target, self.ignore_index)
        return super().forward(input, target)


LAYERS: dict[type[Module], type[Module]] = {
    LayerNorm: CompiledLayerNorm,
    RMSNorm: CompiledRMSNorm,
    GELU: CompiledGELU,
    SwiGLU: CompiledSwiGLU,
    GatedMLP: CompiledGatedMLP,
    CausalSelfAttention: CompiledAttention,
    CrossEntropyLoss: CompiledCrossEntropyLoss,
}
"""Layers and their compiled forms, of exactly these classes: a subclass may compute otherwise."""
