"""The peer: the same GPT in PyTorch, with a KV cache, on the same weights.

"PyTorch" is a model of modules, as such models are written (nanoGPT with a cache); "bare" the same
without a single module, the fastest we could write. Both attend with scaled_dot_product_attention
and keep keys and values in memory that is allocated once.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

from tt_models import GPT

__all__ = ["build", "pytorch", "write_bare", "write_with_modules"]

Writer = Callable[[list[int]], Iterator[int]]


def pytorch() -> Any:
    """The package torch, of whose types nothing is asked: it may not be there."""
    return importlib.import_module("torch")


def build(model: GPT) -> Any:
    """A torch.nn.Module with the model's names and a copy of its weights.

    ``module(idx)`` gives all logits, ``module(idx, past)`` those after ``past`` cached positions.
    """
    torch = pytorch()
    nn, F = torch.nn, torch.nn.functional
    config = model.config
    width, heads, length = config.n_embd, config.n_head, config.block_size

    class Attention(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.cached = torch.empty(2, 1, heads, length, width // heads)

        def forward(self, x: Any, past: int | None) -> Any:
            B, T, C = x.shape
            parts = self.c_attn(x).split(C, dim=2)
            q, k, v = (p.view(B, T, heads, C // heads).transpose(1, 2) for p in parts)
            if past is not None:
                self.cached[0, :, :, past : past + T] = k
                self.cached[1, :, :, past : past + T] = v
                k, v = self.cached[:, :, :, : past + T]
            y = F.scaled_dot_product_attention(q, k, v, is_causal=T > 1)
            return self.c_proj(y.transpose(1, 2).reshape(B, T, C))

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.ln_1, self.attn, self.ln_2 = nn.LayerNorm(width), Attention(), nn.LayerNorm(width)
            self.mlp = nn.ModuleDict(
                {"c_fc": nn.Linear(width, 4 * width), "c_proj": nn.Linear(4 * width, width)}
            )
            self.gelu = nn.GELU(approximate="tanh")

        def forward(self, x: Any, past: int | None) -> Any:
            x = x + self.attn(self.ln_1(x), past)
            return x + self.mlp.c_proj(self.gelu(self.mlp.c_fc(self.ln_2(x))))

    class Transformer(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            parts = {
                "wte": nn.Embedding(config.vocab_size, width),
                "wpe": nn.Embedding(length, width),
                "h": nn.ModuleList(Block() for _ in range(config.n_layer)),
                "ln_f": nn.LayerNorm(width),
            }
            self.transformer = nn.ModuleDict(parts)
            self.lm_head = nn.Linear(width, config.vocab_size, bias=False)
            self.transformer.wte.weight = self.lm_head.weight

        def forward(self, idx: Any, past: int | None = None) -> Any:
            parts, start = self.transformer, past or 0
            x = parts.wte(idx) + parts.wpe(torch.arange(start, start + idx.shape[1]))
            for block in parts.h:
                x = block(x, past)
            # of a prompt only the last logits are wanted
            return self.lm_head(parts.ln_f(x if past is None else x[:, -1:]))

    twin = Transformer()
    state = {name: torch.from_numpy(t.numpy().copy()) for name, t in model.state_dict().items()}
    twin.load_state_dict(state)
    return twin


def write_with_modules(model: GPT) -> Writer:
    """Continues a prompt greedily, token by token."""
    return _loop(build(model).eval())


def write_bare(model: GPT) -> Writer:
    """The same by PyTorch's functions, without modules."""
    torch = pytorch()
    F = torch.nn.functional
    config = model.config
    n, heads, width, length = config.n_layer, config.n_head, config.n_embd, config.block_size
    state = {name: torch.from_numpy(t.numpy().copy()) for name, t in model.state_dict().items()}
    names = ("ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj")
    layers = [
        [state[f"transformer.h.{i}.{name}.{kind}"] for name in names for kind in ("weight", "bias")]
        for i in range(n)
    ]
    wte, wpe = state["transformer.wte.weight"], state["transformer.wpe.weight"]
    last = state["transformer.ln_f.weight"], state["transformer.ln_f.bias"]
    keys, values = torch.empty(2, n, 1, heads, length, width // heads)

    def step(idx: Any, past: int) -> Any:
        new = idx.shape[1]
        x = F.embedding(idx, wte) + wpe[past : past + new]
        for i, (g1, b1, wa, ba, wp, bp, g2, b2, wf, bf, wo, bo) in enumerate(layers):
            h = F.linear(F.layer_norm(x, (width,), g1, b1), wa, ba)
            q, k, v = h.view(1, new, 3 * heads, -1).transpose(1, 2).split(heads, 1)
            keys[i, :, :, past : past + new] = k
            values[i, :, :, past : past + new] = v
            y = F.scaled_dot_product_attention(
                q, keys[i, :, :, : past + new], values[i, :, :, : past + new], is_causal=new > 1
            )
            x = x + F.linear(y.transpose(1, 2).reshape(1, new, width), wp, bp)
            h = F.linear(F.layer_norm(x, (width,), g2, b2), wf, bf)
            x = x + F.linear(F.gelu(h, approximate="tanh"), wo, bo)
        return F.linear(F.layer_norm(x[:, -1:], (width,), *last), wte)

    return _loop(step)


def _loop(step: Callable[[Any, int], Any]) -> Writer:
    """The highest score, over and over."""
    torch = pytorch()

    def write(prompt: list[int]) -> Iterator[int]:
        with torch.inference_mode():
            idx, past = torch.tensor([prompt]), 0
            while True:
                scores = step(idx, past)
                past += idx.shape[1]
                idx = scores[:, -1].argmax(-1, keepdim=True)
                yield int(idx)

    return write
