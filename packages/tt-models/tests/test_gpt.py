"""GPT: shapes, counts, causality, gradients, and that it learns."""

import math
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from tt_autograd import no_grad
from tt_models import GPT, GPTConfig
from tt_nn import functional as F
from tt_nn.optim import AdamW
from tt_tensor import Tensor, manual_seed, randint, tensor

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


def test_first_values() -> None:
    model = GPT(GPTConfig(vocab_size=50, block_size=32, n_layer=8, n_head=2, n_embd=64))
    for name, p in model.named_parameters():
        values = p.detach().numpy()
        if p.ndim == 1:
            assert (values == (1 if "ln_" in name and "weight" in name else 0)).all(), name
        else:
            std = 0.02 / 4 if name.endswith("c_proj.weight") else 0.02  # √(2 · 8 layers) = 4
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
