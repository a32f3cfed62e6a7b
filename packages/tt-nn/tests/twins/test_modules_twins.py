"""The same state: names, shapes, order and first values of parameters and buffers."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tt_nn
import tt_tensor

torch = pytest.importorskip("torch")

CONSTRUCTORS = [
    "nn.Linear(30, 40)",
    "nn.Linear(30, 40, bias=False)",
    "nn.Embedding(70, 40)",
    "nn.Embedding(70, 40, padding_idx=3)",
    "nn.LayerNorm(30)",
    "nn.LayerNorm((4, 30), bias=False)",
    "nn.LayerNorm(30, elementwise_affine=False)",
    "nn.RMSNorm(30)",
    "nn.MultiheadAttention(40, 4)",
    "nn.MultiheadAttention(40, 4, bias=False)",
    "nn.MultiheadAttention(40, 4, kdim=30)",
    "nn.MultiheadAttention(40, 4, kdim=30, vdim=20, bias=False)",
    "nn.Conv2d(8, 30, 3)",
    "nn.Conv2d(8, 30, (5, 2), groups=2, bias=False)",
    "nn.Conv1d(9, 30, 5, groups=3)",
    "nn.BatchNorm1d(30)",
    "nn.BatchNorm2d(30, affine=False)",
    "nn.BatchNorm2d(30, bias=False, track_running_stats=False)",
    "nn.GroupNorm(3, 30)",
    "nn.GroupNorm(3, 30, affine=False)",
    "nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.MaxPool2d(2), nn.Flatten())",
    "nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))",
    "nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))[1:]",
    "nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))[::2]",
    "nn.Sequential(OrderedDict(a=nn.Linear(3, 4), b=nn.Linear(4, 2)))",
    "nn.Sequential(nn.Linear(3, 4)).append(nn.Linear(4, 2)).insert(1, nn.LayerNorm(4))",
    "nn.ModuleList([nn.Linear(3, 4), nn.Linear(4, 2), nn.Linear(2, 1)])[1:]",
    "nn.ModuleList([nn.Linear(3, 4)]).extend([nn.Linear(4, 2)]).append(nn.RMSNorm(3))",
    "nn.ModuleDict({'b': nn.Linear(3, 4), 'a': nn.LayerNorm(4)})",
    "nn.CrossEntropyLoss(weight=t.ones(5))",
    "nn.BCEWithLogitsLoss(weight=t.ones(5), pos_weight=t.ones(5))",
]


def build(source: str, theirs: bool) -> Any:
    names = {"nn": torch.nn, "t": torch} if theirs else {"nn": tt_nn, "t": tt_tensor}
    return eval(source, names | {"OrderedDict": OrderedDict})


def described(module: Any) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, tuple(value.shape)) for name, value in module.state_dict().items()]


@pytest.mark.parametrize("source", CONSTRUCTORS)
def test_the_state_has_the_same_names_and_shapes(source: str) -> None:
    ours, theirs = build(source, False), build(source, True)
    assert described(ours) == described(theirs)
    names = [[name for name, _ in module.named_parameters()] for module in (ours, theirs)]
    assert names[0] == names[1]
    assert [name for name, _ in ours.named_modules()] == [
        name for name, _ in theirs.named_modules()
    ]


@pytest.mark.parametrize("source", CONSTRUCTORS)
def test_parameters_start_with_the_same_distribution(source: str) -> None:
    """Bounds and spread of our draws against those of a draw of PyTorch's."""
    ours, theirs = build(source, False), build(source, True)
    for name, expected in theirs.state_dict().items():
        found, wanted = ours.state_dict()[name].numpy(), expected.numpy()
        if wanted.size < 100 or wanted.std() == 0:
            np.testing.assert_array_equal(found.std() == 0, wanted.std() == 0, err_msg=name)
            continue
        assert found.std() == pytest.approx(wanted.std(), rel=0.12), name
        assert np.abs(found).max() == pytest.approx(np.abs(wanted).max(), rel=0.25), name
        assert abs(found.mean()) < 4 * wanted.std() / wanted.size**0.5, name


def tied(t: Any, nn: Any) -> Any:
    model = nn.Sequential(nn.Embedding(7, 4), nn.Linear(4, 7, bias=False))
    model[0].weight = model[1].weight
    return model


def reused(t: Any, nn: Any) -> Any:
    layer = nn.Linear(3, 3)
    return nn.Sequential(layer, nn.ReLU(), layer)


def with_buffers(t: Any, nn: Any) -> Any:
    model = nn.Sequential(nn.Linear(3, 4))
    model.register_buffer("kept", t.zeros(2))
    model.register_buffer("hidden", t.zeros(3), persistent=False)
    model.register_buffer("absent", None)
    model[0].register_buffer("inner", t.zeros(1))
    model.register_buffer("again", model.kept)
    return model


def with_own_parameters(t: Any, nn: Any) -> Any:
    class Net(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(2, 2)
            self.scale = nn.Parameter(t.ones(3))
            self._hidden = nn.Linear(2, 1)
            self.none = None
            self.plain = t.ones(5)

    return Net()


@pytest.mark.parametrize("make", [tied, reused, with_buffers, with_own_parameters])
def test_the_same_walk(make: Callable[[Any, Any], Any]) -> None:
    ours, theirs = make(tt_tensor, tt_nn), make(torch, torch.nn)
    assert described(ours) == described(theirs)
    for kind in ("named_parameters", "named_buffers", "named_modules", "named_children"):
        names = [[name for name, _ in getattr(module, kind)()] for module in (ours, theirs)]
        assert names[0] == names[1], kind


def test_a_state_moves_between_frameworks() -> None:
    source = "nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))"
    ours, theirs = build(source, False), build(source, True)
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    x = np.ones((2, 3), np.float32)
    y = theirs(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(ours(tt_tensor.tensor(x)).detach().numpy(), y, 1e-6, 1e-6)
