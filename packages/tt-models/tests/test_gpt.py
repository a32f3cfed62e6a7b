"""GPT: shapes, counts, causality, gradients, and that it learns."""

import math
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest

from tt_autograd import no_grad
from tt_models import GPT, GPTConfig
from tt_nn import functional as F
from tt_nn.optim import AdamW
from tt_tensor import Tensor, cat, manual_seed, randint, tensor

CONFIG = GPTConfig(vocab_size=11, block_size=8, n_layer=2, n_head=2, n_embd=16)


def batch(b: int = 3, t: int = 8) -> tuple[Tensor, Tensor]:
    return randint(0, 11, (b, t)), randint(0, 11, (b, t))


def test_shapes() -> None:
    model = GPT(CONFIG)
    for b, t in ((1, 1), (3, 5), (2, 8), (0, 4)):
        idx, targets = batch(b, t)
        logits, loss = model(idx)
        assert logits.shape == (b, t, 11) and loss is None
        logits, loss = model(idx, targets)
        assert logits.shape == (b, t, 11) and loss.shape == () and logits.dtype == np.float32


def test_the_loss_is_the_cross_entropy_of_the_targets_that_count() -> None:
    model, (idx, targets) = GPT(CONFIG), batch()
    targets[0, 2:] = -1
    logits, loss = model(idx, targets)
    rows = logits.reshape(24, 11)
    expected = F.cross_entropy(rows, targets.reshape(24), ignore_index=-1)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    with pytest.raises(IndexError, match="target 11 is out of range"):
        model(idx, targets * 0 + 11)


@pytest.mark.parametrize("bias", [True, False])
def test_the_number_of_parameters(bias: bool) -> None:
    """Tables V·C and T·C; a block 12C², and 13C or 2C without biases; the last norm."""
    v, t, layers, c = 11, 8, 2, 16
    model = GPT(replace(CONFIG, bias=bias))
    block = 12 * c * c + (13 if bias else 2) * c
    expected = v * c + t * c + layers * block + (2 if bias else 1) * c
    assert model.num_parameters() == expected == sum(p.numel() for p in model.parameters())
    assert model.num_parameters(embeddings=False) == expected - t * c


def test_reading_and_writing_share_one_table() -> None:
    model = GPT(CONFIG)
    assert model.transformer.wte.weight is model.lm_head.weight
    names = [name for name, _ in model.named_parameters()]
    assert names[0] == "transformer.wte.weight" and "lm_head.weight" not in names
    state = model.state_dict()
    assert "lm_head.weight" in state and len(state) == len(names) + 1
    other = GPT(CONFIG)
    other.load_state_dict(state)
    idx, _ = batch()
    assert other(idx)[0].tolist() == model(idx)[0].tolist()


def test_a_later_token_changes_nothing_before_it(model: GPT) -> None:
    idx, _ = batch()
    before = model(idx)[0].detach().numpy()
    for position in range(8):
        changed = idx.clone()
        changed[:, position] = (idx[:, position] + 1) % 11
        after = model(changed)[0].detach().numpy()
        np.testing.assert_array_equal(after[:, :position], before[:, :position])
        assert (after[:, position:] != before[:, position:]).any(-1).all()


def test_texts_of_a_batch_do_not_see_each_other(model: GPT) -> None:
    idx, _ = batch()
    together = model(idx)[0].detach().numpy()
    for row in range(3):
        alone = model(idx[row : row + 1])[0].detach().numpy()
        np.testing.assert_allclose(together[row : row + 1], alone, 1e-4, 1e-5)


def test_order_matters(model: GPT) -> None:
    one, other = (model(tensor([ids]))[0][0, -1] for ids in ([1, 2, 3], [2, 1, 3]))
    assert not np.allclose(one.detach().numpy(), other.detach().numpy(), atol=1e-3)


def test_at_first_every_token_is_as_likely() -> None:
    config = GPTConfig(vocab_size=100, block_size=16, n_layer=4, n_head=4, n_embd=32)
    idx = randint(0, 100, (8, 16))
    loss = GPT(config)(idx, randint(0, 100, (8, 16)))[1]
    assert loss.item() == pytest.approx(math.log(100), abs=0.1)


def test_first_values(form: dict[str, Any]) -> None:
    sizes = {"vocab_size": 50, "block_size": 32, "n_layer": 8, "n_head": 4, "n_embd": 64}
    model = GPT(GPTConfig(**sizes, **form))
    for name, p in model.named_parameters():
        values = p.detach().numpy()
        if p.ndim == 1:
            assert (values == (1 if "ln_" in name and "weight" in name else 0)).all(), name
        else:
            ends_a_branch = name.endswith(("c_proj.weight", "w2.weight"))
            std = 0.02 / 4 if ends_a_branch else 0.02  # √(2 · 8 layers) = 4
            assert values.std() == pytest.approx(std, rel=0.06), name


def test_gradients_reach_every_parameter() -> None:
    model, (idx, targets) = GPT(CONFIG), batch()
    model(idx, targets)[1].backward()
    for name, p in model.named_parameters():
        assert p.grad is not None and p.grad.any() and p.grad.isfinite().all(), name
        assert p.grad.dtype == np.float32


@pytest.mark.parametrize("bias", [True, False])
def test_gradients_are_the_finite_differences(bias: bool) -> None:
    """A few elements of every parameter of a GPT in float64."""
    config = GPTConfig(vocab_size=7, block_size=5, n_layer=2, n_head=2, n_embd=8, bias=bias)
    model = GPT(config).double()
    draw = np.random.default_rng(1)
    for p in model.parameters():
        p.data += tensor(draw.normal(0, 0.3, p.shape))
    idx, targets = (
        tensor([[1, 2, 3, 4, 5], [6, 0, 0, 2, 1]]),
        tensor([[2, 3, 4, 5, 6], [0, -1, 2, 1, 1]]),
    )
    model(idx, targets)[1].backward()

    def loss() -> float:
        with no_grad():
            return model(idx, targets)[1].item()

    for name, p in model.named_parameters():
        for flat in draw.choice(p.numel(), size=min(4, p.numel()), replace=False):
            place = np.unravel_index(flat, p.shape)
            start, values = p.array[place], []
            for step in (1e-5, -1e-5):
                p.array[place] = start + step
                values.append(loss())
            p.array[place] = start
            difference = (values[0] - values[1]) / 2e-5
            assert p.grad.array[place] == pytest.approx(difference, rel=1e-5, abs=1e-9), name


def test_dropout_only_in_training() -> None:
    model, (idx, _) = GPT(replace(CONFIG, dropout=0.5)), batch()
    assert model(idx)[0].tolist() != model(idx)[0].tolist()
    model.eval()
    assert model(idx)[0].tolist() == model(idx)[0].tolist()
    manual_seed(4)
    one = GPT(replace(CONFIG, dropout=0.5)).eval()(idx)[0].tolist()
    manual_seed(4)
    assert one == GPT(CONFIG)(idx)[0].tolist(), "dropout has no parameters"


def test_it_learns_a_small_batch_by_heart() -> None:
    idx, targets = batch(4, 8)
    idx[:, 0] = tensor([0, 1, 2, 3])  # so that no two texts begin the same
    model = GPT(CONFIG)
    optimizer = AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    for _ in range(150):
        _, loss = model(idx, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
    assert (model(idx)[0].argmax(-1) == targets).all()


# --- the choices of Llama -------------------------------------------------------------------------


def made(form: dict[str, Any], **more: Any) -> GPT:
    """A GPT of that form with weights large enough to have opinions."""
    model = GPT(replace(CONFIG, n_head=4, **(form | more)))
    for p in model.parameters():
        p.data *= 8.0 if p.ndim == 2 else 1.0
    return model


def test_the_parts_have_the_same_names(form: dict[str, Any]) -> None:
    names = list(made(form, tie_weights=False).state_dict())
    if not form:
        assert names[:3] == ["transformer.wte.weight", "transformer.wpe.weight", names[2]]
    assert "transformer.wpe.weight" in names or form["position"] == "rotary"
    inner = ["c_fc", "c_proj"] if not form else ["w1", "w2", "w3"]
    parts = [f"transformer.h.1.{part}.weight" for part in ("ln_1", "attn.c_attn", "attn.c_proj")]
    parts += [f"transformer.h.1.mlp.{part}.weight" for part in inner]
    assert {*parts, "transformer.ln_f.weight", "lm_head.weight"} <= set(names)
    assert any(name.endswith("bias") for name in names) is not bool(form)


def test_the_number_of_parameters_of_a_llama() -> None:
    """Keys and values have fewer heads; the MLP has three matrices; norms have no bias."""
    v, layers, c, d, heads, shared, inner = 11, 2, 16, 6, 4, 2, 24
    config = GPTConfig(
        vocab_size=v,
        block_size=8,
        n_layer=layers,
        n_head=heads,
        n_embd=c,
        n_kv_head=shared,
        head_dim=d,
        intermediate_size=inner,
        norm="rms",
        mlp="swiglu",
        position="rotary",
        bias=False,
        tie_weights=False,
    )
    block = c * (heads + 2 * shared) * d + heads * d * c + 3 * c * inner + 2 * c
    expected = 2 * v * c + layers * block + c
    model = GPT(config)
    assert model.num_parameters() == model.num_parameters(embeddings=False) == expected


def test_as_many_parameters_inside_either_mlp() -> None:
    for c in (48, 768, 4096):
        gelu, gated = (GPTConfig(n_embd=c, n_head=4, mlp=mlp) for mlp in ("gelu", "swiglu"))
        assert gelu.inner_size == 4 * c and gated.inner_size % 8 == 0
        assert 3 * gated.inner_size == pytest.approx(2 * gelu.inner_size, rel=0.01)


@pytest.mark.parametrize("tie_weights", [False, True])
def test_a_head_of_its_own_or_the_table(tie_weights: bool, form: dict[str, Any]) -> None:
    model = made(form, tie_weights=tie_weights)
    assert (model.lm_head.weight is model.transformer.wte.weight) is tie_weights


def test_every_form_is_causal(form: dict[str, Any]) -> None:
    model, (idx, _) = made(form), batch()
    before = model(idx)[0].detach().numpy()
    for position in range(8):
        changed = idx.clone()
        changed[:, position] = (idx[:, position] + 1) % 11
        after = model(changed)[0].detach().numpy()
        np.testing.assert_array_equal(after[:, :position], before[:, :position])
        assert (after[:, position:] != before[:, position:]).any(-1).all()


def test_rotary_positions_tell_order_but_not_place() -> None:
    """Without a table of positions only distances count."""
    model = made({"position": "rotary"}).double()
    one, other = (model(tensor([ids]))[0][0, -1] for ids in ([1, 2, 3], [2, 1, 3]))
    assert not np.allclose(one.detach().numpy(), other.detach().numpy(), atol=1e-3)
    turned = model.transformer.h[0].attn
    x = tensor(np.random.default_rng(0).standard_normal((1, 8, 16)))
    q, k, _ = turned.c_attn(x).split(turned.widths, dim=2)
    q, k = (a.view(1, 8, 4, 4).transpose(1, 2) for a in (q, k))
    here, there = (
        turned.rotary(q[:, :, 3:4], tensor([i])) @ turned.rotary(k[:, :, 1:2], tensor([j])).mT
        for i, j in ((3, 1), (7, 5))
    )
    np.testing.assert_allclose(here.detach().numpy(), there.detach().numpy(), 1e-9)


def test_grouped_queries_are_full_attention_with_repeated_keys() -> None:
    """A group's keys and values, written out for each of its heads, give the same."""
    shared = made({"n_kv_head": 2}).double().eval()
    full = made({}).double().eval()
    state = shared.state_dict()
    for name, value in state.items():
        if "c_attn" in name:
            q, k, v = value.split([16, 8, 8], 0)
            k, v = (
                x.reshape(2, 1, 4, -1).expand(2, 2, 4, x.numel() // 8).reshape(16, -1)
                for x in (k, v)
            )
            state[name] = cat([q, *(x.reshape(16, *q.shape[1:]) for x in (k, v))])
    full.load_state_dict(state)
    idx, _ = batch()
    np.testing.assert_allclose(
        shared(idx)[0].detach().numpy(), full(idx)[0].detach().numpy(), 1e-10, 1e-12
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"norm": "batch"}, "norm must be 'layer' or 'rms', got 'batch'"),
        ({"mlp": "relu"}, "mlp must be 'gelu' or 'swiglu', got 'relu'"),
        ({"position": None}, "position must be 'learned' or 'rotary', got None"),
        ({"n_head": 4, "n_kv_head": 3}, "n_head must be a multiple of n_kv_head.*got 4 and 3"),
        ({"n_kv_head": 0}, "n_kv_head=0"),
        ({"head_dim": -1}, "head_dim=-1"),
        ({"intermediate_size": 2.5}, "intermediate_size=2.5"),
        ({"position": "rotary", "head_dim": 5}, "must be even, got 5"),
        ({"dropout": 1.5}, "dropout in 0 to 1, rope_theta and norm_eps above 0; got 1.5"),
        ({"rope_theta": 0.0}, "dropout in 0 to 1, rope_theta and norm_eps above 0"),
        ({"norm_eps": -1e-5}, "dropout in 0 to 1, rope_theta and norm_eps above 0"),
        ({"rope_theta": None}, "rope_theta and norm_eps above 0; got 0.0, None and 1e-05"),
        ({"norm_eps": "small"}, "rope_theta and norm_eps above 0; got 0.0, 10000.0 and 'small'"),
    ],
)
def test_choices_that_make_no_sense(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(CONFIG, **wrong)


# --- errors ---------------------------------------------------------------------------------------


def test_too_many_tokens() -> None:
    with pytest.raises(ValueError, match="9 tokens are more than block_size = 8; cut the input"):
        GPT(CONFIG)(randint(0, 11, (1, 9)))


def test_wrong_inputs() -> None:
    model = GPT(CONFIG)
    with pytest.raises(
        ValueError, match=r"idx of shape \(B, T\) and targets of the same, got \(3,\)"
    ):
        model(tensor([1, 2, 3]))
    with pytest.raises(ValueError, match=r"got \(2, 3\) and \(3, 2\)"):
        model(randint(0, 11, (2, 3)), randint(0, 11, (3, 2)))
    for bad in (11, -1):
        with pytest.raises(IndexError, match=f"index {bad} is out of range; expected 0 to 10"):
            model(tensor([[0, bad]]))
    with pytest.raises(TypeError, match="indices must be integers"):
        model(tensor([[0.0, 1.0]]))


def test_the_configuration() -> None:
    config = GPTConfig()
    assert (config.n_layer, config.n_head, config.n_embd, config.block_size) == (12, 12, 768, 1024)
    with pytest.raises(FrozenInstanceError):
        config.n_layer = 3  # type: ignore[misc]
    for wrong in (
        {"n_embd": 15},
        {"vocab_size": 0},
        {"n_layer": -1},
        {"n_head": 0},
        {"block_size": 0},
    ):
        with pytest.raises(ValueError, match="all sizes must be positive and n_embd a multiple"):
            replace(CONFIG, **wrong)
