"""What the milestones that write text share: batches, how well text is foretold, and its counts."""

import importlib
import math
from types import ModuleType

import pytest

import tt_tensor as torch
from tt_models import GPT, GPTConfig


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> ModuleType:
    """texts.py, as a script imports it."""
    monkeypatch.syspath_prepend(request.path.parents[1])
    return importlib.import_module("texts")


def test_targets_are_the_next_tokens(texts: ModuleType) -> None:
    torch.manual_seed(0)
    windows = texts.Windows(torch.arange(100), block_size=8, batch_size=5, steps=600)
    batches = list(windows)
    assert len(batches) == len(windows) == 600  # 3,000 windows in 92 places: none is left out
    for x, y in batches:
        assert x.shape == y.shape == (5, 8)
        assert (y == x + 1).all()
    seen = torch.cat([x for x, _ in batches])
    assert {seen.min().item(), seen.max().item()} == {0, 98}  # to the very end


def test_more_batches_begin_with_the_same_ones(texts: ModuleType) -> None:
    """So that a training can be resumed with more steps."""
    ids = torch.arange(1000)
    torch.manual_seed(5)
    few = [x.tolist() for x, _ in texts.Windows(ids, 4, 3, 6)]
    torch.manual_seed(5)
    assert [x.tolist() for x, _ in texts.Windows(ids, 4, 3, 9)][:6] == few


def test_pairs_are_counted(texts: ModuleType) -> None:
    ids = torch.tensor([0, 1, 0, 1, 0, 2])
    pairs = texts.Bigram(ids, vocab_size=4)
    chances = pairs.table.exp()
    assert torch.allclose(chances.sum(1), torch.ones(4), atol=1e-5)
    # after 0 came 1 twice and 2 once; a fourth case is shared out by how frequent each token is
    assert chances[0].tolist() == pytest.approx(
        [3 / 24, (2 + 1 / 3) / 4, (1 + 1 / 6) / 4, 0], abs=1e-3
    )
    assert pairs.table[1].argmax().item() == 0
    assert pairs(torch.tensor([[1, 0]]))[0].shape == (1, 2, 4)


def test_who_knows_all_has_no_loss(texts: ModuleType) -> None:
    """In a text that counts 0, 1, 2, 0, 1, 2, ..., what comes next is certain."""
    ids = torch.arange(3000) % 3
    score = texts.foretell(texts.Bigram(ids, 3), ids, block_size=10)
    assert score.loss < 0.01
    assert score.right == 100


def test_who_knows_nothing_has_log_v(texts: ModuleType) -> None:
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=50, block_size=10, n_layer=1, n_head=2, n_embd=16))
    ids = torch.randint(0, 50, (2001,))
    score = texts.foretell(model, ids, block_size=10)
    assert score.loss == pytest.approx(math.log(50), abs=0.1)
    assert score.right < 6
    assert model.training  # as it was
    # 200 windows, or every tenth of them: the loss that the model itself computes
    x, y = ids[:2000].view(200, 10)[::10], ids[1:].view(200, 10)[::10]
    assert texts.foretell(model, ids, 10, every=10).loss == pytest.approx(
        model(x, y)[1].item(), abs=1e-5
    )


def test_weights_are_widened_and_vectors_are_not(texts: ModuleType) -> None:
    torch.manual_seed(0)
    model = GPT(GPTConfig(vocab_size=500, block_size=8, n_layer=1, n_head=2, n_embd=64))
    texts.widen(model, 0.06)
    assert model.lm_head.weight.std().item() == pytest.approx(0.06, rel=0.05)
    assert (model.transformer["ln_f"].weight == 1).all()
    assert model.lm_head.weight is model.transformer["wte"].weight


def test_what_was_written_is_set_off(texts: ModuleType) -> None:
    assert texts.indented("if x:\n\treturn " + "y" * 8, width=10) == (
        "  | if x:\n  |     return\n  |  yyyyyyyy"
    )
    assert "\x1b" not in texts.indented("\x1b[31mred")
