"""A GPT written against names that both frameworks have, and a training step of it.

It is the architecture of tt_models.GPT.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .frameworks import Framework
from .workload import Build, Step, initialise

__all__ = ["build_gpt", "gpt_step"]

VOCABULARY = 96


def build_gpt(
    framework: Framework, vocabulary: int, length: int, layers: int, heads: int, width: int
) -> Any:
    """A GPT-2 in small: pre-norm blocks, learned positions, tied embeddings, no dropout.

    Shape: tokens (B, T) -> logits (B, T, vocabulary)
    """
    nn, F = framework.nn, framework.F

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.ln_1 = nn.LayerNorm(width)
            self.c_attn = nn.Linear(width, 3 * width)
            self.c_proj = nn.Linear(width, width)
            self.ln_2 = nn.LayerNorm(width)
            self.mlp = nn.Sequential(
                nn.Linear(width, 4 * width),
                nn.GELU(approximate="tanh"),
                nn.Linear(4 * width, width),
            )

        def forward(self, x: Any) -> Any:
            B, T, C = x.shape  # batch, time, channels
            q, k, v = (
                part.view(B, T, heads, C // heads).transpose(1, 2)  # (B, H, T, D)
                for part in self.c_attn(self.ln_1(x)).split(C, dim=2)
            )
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.c_proj(y.transpose(1, 2).reshape(B, T, C))
            return x + self.mlp(self.ln_2(x))

    class GPT(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.wte = nn.Embedding(vocabulary, width)
            self.wpe = nn.Embedding(length, width)
            self.blocks = nn.ModuleList([Block() for _ in range(layers)])
            self.ln_f = nn.LayerNorm(width)
            self.lm_head = nn.Linear(width, vocabulary, bias=False)
            self.wte.weight = self.lm_head.weight  # Press and Wolf 2017

        def forward(self, tokens: Any) -> Any:
            positions = framework.torch.arange(tokens.shape[1])
            x = self.wte(tokens) + self.wpe(positions)  # (B, T, C)
            for block in self.blocks:
                x = block(x)
            return self.lm_head(self.ln_f(x))

    return GPT()


def gpt_step(*, width: int, layers: int, heads: int, length: int, batch: int) -> Build:
    """A training step of a GPT of that size on ``batch`` texts of ``length`` tokens, with AdamW."""

    def build(framework: Framework) -> Step:
        generator = np.random.default_rng(0)
        model = build_gpt(framework, VOCABULARY, length, layers, heads, width)
        initialise(framework, model, generator)
        tokens = framework.torch.from_numpy(generator.integers(0, VOCABULARY, (batch, length + 1)))
        inputs, targets = tokens[:, :-1], tokens[:, 1:]
        adamw = framework.optim.AdamW(model.parameters(), lr=1e-3, **framework.options)

        def step() -> tuple[Any, ...]:
            adamw.zero_grad()
            logits = model(inputs)  # (B, T, V)
            loss = framework.F.cross_entropy(logits.reshape(-1, VOCABULARY), targets.reshape(-1))
            loss.backward()
            adamw.step()
            return (loss,)

        return step

    return build
