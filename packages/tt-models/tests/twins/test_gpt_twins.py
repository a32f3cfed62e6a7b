"""A minimal GPT in PyTorch, with nanoGPT's names: the same logits, loss and gradients."""

import math
from typing import Any

import numpy as np
import pytest

import tt_tensor
from tt_models import GPT, GPTConfig, generate

torch = pytest.importorskip("torch")
nn, F = torch.nn, torch.nn.functional

CONFIGS = [
    GPTConfig(vocab_size=13, block_size=10, n_layer=2, n_head=2, n_embd=16),
    GPTConfig(vocab_size=13, block_size=10, n_layer=3, n_head=4, n_embd=16, bias=False),
    GPTConfig(vocab_size=5, block_size=6, n_layer=1, n_head=1, n_embd=4),
]


class Norm(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, size: int, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.bias = nn.Parameter(torch.zeros(size)) if bias else None

    def forward(self, x: Any) -> Any:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-5)


class Attention(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.heads = config.n_head
        self.c_attn = nn.Linear(config.n_embd, 3 * config.n_embd, bias=config.bias)
        self.c_proj = nn.Linear(config.n_embd, config.n_embd, bias=config.bias)

    def forward(self, x: Any) -> Any:
        b, t, c = x.shape
        q, k, v = (
            part.view(b, t, self.heads, c // self.heads).transpose(1, 2)
            for part in self.c_attn(x).split(c, dim=2)
        )
        scores = (q @ k.transpose(-2, -1)) / math.sqrt(c // self.heads)
        future = torch.ones(t, t, dtype=torch.bool).triu(1)
        y = F.softmax(scores.masked_fill(future, -math.inf), -1) @ v
        return self.c_proj(y.transpose(1, 2).reshape(b, t, c))


class Block(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.ln_1 = Norm(config.n_embd, config.bias)
        self.attn = Attention(config)
        self.ln_2 = Norm(config.n_embd, config.bias)
        self.mlp = nn.ModuleDict(
            {
                "c_fc": nn.Linear(config.n_embd, 4 * config.n_embd, bias=config.bias),
                "c_proj": nn.Linear(4 * config.n_embd, config.n_embd, bias=config.bias),
            }
        )

    def forward(self, x: Any) -> Any:
        x = x + self.attn(self.ln_1(x))
        inner = F.gelu(self.mlp.c_fc(self.ln_2(x)), approximate="tanh")
        return x + self.mlp.c_proj(inner)


class Twin(nn.Module):  # type: ignore[misc, name-defined]
    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(config.vocab_size, config.n_embd),
                "wpe": nn.Embedding(config.block_size, config.n_embd),
                "h": nn.ModuleList([Block(config) for _ in range(config.n_layer)]),
                "ln_f": Norm(config.n_embd, config.bias),
            }
        )
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)
        self.transformer.wte.weight = self.lm_head.weight

    def forward(self, idx: Any, targets: Any = None) -> Any:
        x = self.transformer.wte(idx) + self.transformer.wpe(torch.arange(idx.shape[1]))
        for block in self.transformer.h:
            x = block(x)
        logits = self.lm_head(self.transformer.ln_f(x))
        if targets is None:
            return logits, None
        return logits, F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-1)


def pair(config: GPTConfig, double: bool) -> tuple[GPT, Any]:
    """Ours and the twin with the same weights, which are not as small as at first."""
    draw = np.random.default_rng(0)
    ours, theirs = GPT(config), Twin(config)
    for p in ours.parameters():
        p.data += tt_tensor.tensor(draw.normal(0, 0.2, p.shape).astype(np.float32))
    state = {name: torch.tensor(value.numpy()) for name, value in ours.state_dict().items()}
    theirs.load_state_dict(state)
    return (ours.double(), theirs.double()) if double else (ours, theirs)


@pytest.mark.parametrize("config", CONFIGS)
def test_the_same_names(config: GPTConfig) -> None:
    ours, theirs = GPT(config), Twin(config)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    names = [[name for name, _ in model.named_parameters()] for model in (ours, theirs)]
    assert names[0] == names[1]


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("double", [True, False])
def test_the_same_logits_loss_and_gradients(config: GPTConfig, double: bool) -> None:
    ours, theirs = pair(config, double)
    draw = np.random.default_rng(1)
    idx = draw.integers(0, config.vocab_size, (4, config.block_size))
    targets = draw.integers(-1, config.vocab_size, (4, config.block_size))
    logits, loss = ours(tt_tensor.tensor(idx), tt_tensor.tensor(targets))
    their_logits, their_loss = theirs(torch.tensor(idx), torch.tensor(targets))
    tolerance = 1e-10 if double else 1e-5
    np.testing.assert_allclose(
        logits.detach().numpy(), their_logits.detach().numpy(), tolerance, tolerance
    )
    assert loss.item() == pytest.approx(their_loss.item(), rel=tolerance)
    loss.backward()
    their_loss.backward()
    for (name, p), (_, q) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        np.testing.assert_allclose(
            p.grad.numpy(), q.grad.numpy(), tolerance, tolerance, err_msg=name
        )


def test_the_same_greedy_text() -> None:
    ours, theirs = pair(CONFIGS[0], double=True)
    idx = torch.tensor([[1, 2, 3]])
    for _ in range(15):
        logits, _ = theirs(idx[:, -10:])
        idx = torch.cat([idx, logits[:, -1].argmax(-1, keepdim=True)], 1)
    out = generate(ours, tt_tensor.tensor([[1, 2, 3]]), 15, temperature=0)
    assert out.tolist() == idx.tolist()
