"""What a module finds among its attributes, its modes, and its dtype."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tt_nn as nn
from tt_nn import Module, Parameter
from tt_nn.module import changes
from tt_tensor import Tensor, float16, float32, float64, int64, ones, tensor, zeros


class Net(Module):
    """Attributes of every kind, in an order that is not that of the walk."""

    def __init__(self) -> None:
        super().__init__()
        self.child = nn.Linear(2, 2)
        self.scale = Parameter(ones(1))
        self.layers = [nn.Linear(2, 1), [nn.ReLU(), Parameter(ones(2))]]
        self.pair = (Parameter(ones(3)), "text")
        self.named = {"a": nn.Linear(1, 2, bias=False), "b": 3}
        self._hidden = nn.LayerNorm(2)
        self.plain = ones(4)
        self.none = None
        self.text = "text"
        self.register_buffer("count", zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


PARAMETERS = [
    "scale",
    "layers.1.1",
    "pair.0",
    "child.weight",
    "child.bias",
    "layers.0.weight",
    "layers.0.bias",
    "named.a.weight",
    "_hidden.weight",
    "_hidden.bias",
]


def names(pairs: Any) -> list[str]:
    return [name for name, _ in pairs]


def test_own_parameters_come_before_the_childrens() -> None:
    net = Net()
    assert names(net.named_parameters()) == PARAMETERS
    assert [id(p) for p in net.parameters()] == [id(p) for _, p in net.named_parameters()]
    assert names(net.named_parameters(recurse=False)) == ["scale", "layers.1.1", "pair.0"]
    assert names(net.named_parameters(prefix="net"))[:1] == ["net.scale"]


def test_modules_in_lists_tuples_and_dicts_are_children() -> None:
    net = Net()
    children = ["child", "layers.0", "layers.1.0", "named.a", "_hidden"]
    assert names(net.named_children()) == children
    assert names(net.named_modules()) == ["", *children]
    assert next(iter(net.modules())) is net
    assert len(list(net.children())) == len(children)


def test_nested_names_have_dots() -> None:
    outer = nn.Sequential(Net(), nn.ModuleDict({"x": nn.Linear(1, 1)}))
    assert names(outer.named_parameters())[-2:] == ["1.x.weight", "1.x.bias"]
    assert outer.get_submodule("0.layers.0") is outer[0].layers[0]
    assert outer.get_submodule("") is outer
    assert outer.get_parameter("0._hidden.bias") is outer[0]._hidden.bias
    with pytest.raises(AttributeError, match=r"no module '0\.nothing'"):
        outer.get_submodule("0.nothing")
    with pytest.raises(AttributeError, match=r"no parameter '0\.count'"):
        outer.get_parameter("0.count")


def test_what_is_shared_is_found_once() -> None:
    layer = nn.Linear(2, 2)
    net = nn.Sequential(layer, nn.ReLU(), layer)
    assert names(net.named_parameters()) == ["0.weight", "0.bias"]
    assert names(net.named_modules()) == ["", "0", "1"]
    assert names(net.named_children()) == ["0", "1"]
    tied = nn.Sequential(nn.Embedding(3, 2), nn.Linear(2, 3, bias=False))
    tied[1].weight = tied[0].weight
    assert names(tied.named_parameters()) == ["0.weight"]
    assert len(list(tied.parameters())) == 1


def test_changing_attributes_changes_what_is_found() -> None:
    net = Net()
    del net.child
    net.scale = None
    net.added = nn.Linear(1, 1, bias=False)
    assert names(net.named_parameters())[:2] == ["layers.1.1", "pair.0"]
    assert names(net.named_parameters())[-1] == "added.weight"
    net.register_parameter("late", Parameter(ones(1)))
    net.add_module("last", nn.ReLU())
    assert "late" in names(net.named_parameters()) and "last" in names(net.named_children())


def test_a_typo_raises() -> None:
    with pytest.raises(AttributeError, match="wieght"):
        _ = nn.Linear(2, 2).wieght


# --- buffers --------------------------------------------------------------------------------------


def test_buffers() -> None:
    net = Net()
    net.register_buffer("absent", None)
    net.child.register_buffer("inner", ones(2), persistent=False)
    assert names(net.named_buffers()) == ["count", "child.inner"]
    assert names(net.named_buffers(recurse=False)) == ["count"]
    assert [b.shape for b in net.buffers()] == [(1,), (2,)]
    assert "count" not in names(net.named_parameters())
    net.count = ones(1)
    assert next(net.buffers()) is net.count, "an attribute that is set again stays a buffer"
    net.absent = ones(5)
    assert names(net.named_buffers()) == ["count", "absent", "child.inner"]
    del net.count
    assert names(net.named_buffers()) == ["absent", "child.inner"]


def test_a_shared_buffer_is_found_once() -> None:
    net = nn.Sequential(nn.ReLU(), nn.ReLU())
    for child in net:
        child.register_buffer("table", net[0].table if child is net[1] else ones(2))
    assert names(net.named_buffers()) == ["0.table"]
    assert list(net.state_dict()) == ["0.table", "1.table"]


def test_buffer_errors() -> None:
    net = Net()
    with pytest.raises(ValueError, match=r"name without dots, got 'a\.b'"):
        net.register_buffer("a.b", ones(1))
    with pytest.raises(ValueError, match="without dots, got ''"):
        net.register_buffer("", ones(1))
    with pytest.raises(TypeError, match="expected a Tensor, got float"):
        net.register_buffer("c", 1.0)  # type: ignore[arg-type]
    for taken in ("child", "forward", "scale"):
        with pytest.raises(ValueError, match=f"Net has an attribute '{taken}' already"):
            net.register_buffer(taken, ones(1))
    net.register_buffer("count", ones(3))
    assert net.count.shape == (3,)


# --- modes and gradients --------------------------------------------------------------------------


def test_modes_reach_every_module() -> None:
    net = Net()
    assert net.training and all(m.training for m in net.modules())
    assert net.eval() is net and not any(m.training for m in net.modules())
    assert net.train() is net and all(m.training for m in net.modules())
    net.train(False)
    assert not net.layers[1][0].training


def test_zero_grad() -> None:
    net = nn.Linear(2, 2)
    for to_none in (True, False):
        net(ones(1, 2)).sum().backward()
        before = net.weight.grad
        assert before is not None and before.any()
        net.zero_grad(set_to_none=to_none)
        if to_none:
            assert net.weight.grad is None and net.bias.grad is None
        else:
            assert net.weight.grad is before and not before.any()
    net.zero_grad()
    net.zero_grad(set_to_none=False)
    assert net.weight.grad is None


def test_requires_grad() -> None:
    net = Net()
    assert net.requires_grad_(False) is net
    assert not any(p.requires_grad for p in net.parameters())
    assert not net.child(ones(1, 2)).requires_grad
    net.requires_grad_()
    assert all(p.requires_grad for p in net.parameters())


def test_apply_visits_children_first() -> None:
    net = nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.ReLU()))
    seen: list[Module] = []
    assert net.apply(seen.append) is net
    assert seen == [net[0], net[1][0], net[1], net]


# --- dtype and device -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("convert", "dtype"),
    [
        (lambda m: m.double(), float64),
        (lambda m: m.half(), float16),
        (lambda m: m.double().float(), float32),
        (lambda m: m.to(float64), float64),
        (lambda m: m.to("float64"), float64),
        (lambda m: m.to("cpu", float64), float64),
        (lambda m: m.to(dtype=float64), float64),
        (lambda m: m.to(ones(1, dtype=float64)), float64),
        (lambda m: m.to("cpu"), float32),
        (lambda m: m.to(device="cpu:0"), float32),
        (lambda m: m.cpu(), float32),
    ],
)
def test_conversions(convert: Any, dtype: Any) -> None:
    net = Net()
    net.register_buffer("ids", tensor([1, 2]))
    before = list(net.parameters())
    net.scale.grad = ones(1)
    assert convert(net) is net
    assert all(a is b for a, b in zip(net.parameters(), before, strict=True)), "the same objects"
    assert {p.dtype for p in net.parameters()} == {dtype}
    assert net.count.dtype == dtype and net.ids.dtype == int64 and net.plain.dtype == float32
    assert net.scale.grad.dtype == dtype and net.scale.requires_grad
    assert net(ones(2, dtype=dtype)).dtype == dtype


def test_a_tied_weight_stays_tied() -> None:
    tied = nn.Sequential(nn.Embedding(3, 2), nn.Linear(2, 3, bias=False))
    tied[1].weight = tied[0].weight
    tied.double()
    assert tied[1].weight is tied[0].weight and tied[0].weight.dtype == float64
    copied = copy.deepcopy(tied)
    assert copied[1].weight is copied[0].weight is not tied[0].weight


def test_impossible_conversions() -> None:
    with pytest.raises(TypeError, match="must be floating, got int64"):
        Net().to(int64)
    for device in ("cuda", "mps:0"):
        with pytest.raises(RuntimeError, match=f'the only device is "cpu", got {device!r}'):
            Net().to(device)


# --- calling, copying, printing -------------------------------------------------------------------


def test_a_module_without_forward_says_so() -> None:
    class Empty(Module):
        pass

    with pytest.raises(TypeError, match=r"Empty needs a method forward\(self, ...\)"):
        Empty()(1)


def test_forgetting_to_call_init_does_no_harm() -> None:
    class Late(Module):
        def __init__(self) -> None:
            self.layer = nn.Linear(1, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x)

    net = Late()
    assert len(list(net.parameters())) == 2 and not list(net.buffers())
    net.register_buffer("late", ones(1))
    assert "late" in net.eval().state_dict() and net(ones(1)).shape == (2,)


def test_a_copy_has_memory_of_its_own() -> None:
    net = Net()
    copied = copy.deepcopy(net)
    copied.scale.data.fill_(9.0)
    copied.count.fill_(9.0)
    assert net.scale.item() == 1 and net.count.item() == 0
    assert names(copied.named_parameters()) == PARAMETERS


def test_what_is_kept_of_a_walk_is_known_to_be_old() -> None:
    """Each way to change what a module contains shows in ``changes``."""
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    parts = nn.ModuleDict({"a": nn.ReLU()})
    weights = nn.ParameterList([ones(2)])
    ways: list[Callable[[], object]] = [
        lambda: setattr(model[0], "weight", nn.Parameter(ones(3, 2))),
        lambda: setattr(model[0], "bias", None),
        lambda: delattr(model[0], "bias"),
        lambda: model[0].register_parameter("more", nn.Parameter(ones(2))),
        lambda: model[0].register_buffer("mean", ones(2)),
        lambda: model.append(nn.ReLU()),
        lambda: model.__setitem__(0, nn.ReLU()),
        lambda: model.__delitem__(0),
        lambda: parts.update({"b": nn.ReLU()}),
        lambda: parts.pop("b"),
        parts.clear,
        lambda: weights.__setitem__(0, ones(2)),
        lambda: weights.append(ones(2)),
        lambda: model.register_forward_hook(lambda *_: None),
        lambda: model.register_forward_pre_hook(lambda *_: None),
        lambda: setattr(model, "__class__", nn.Module),
        model.eval,
    ]
    for number, change in enumerate(ways):
        before = changes.latest
        change()
        assert changes.latest is not before, number
    before = changes.latest
    nn.Linear(2, 2).state_dict()
    assert changes.latest is not before  # a new module is a change, too
    before = changes.latest
    [*model.modules()], [*model.parameters()]
    assert changes.latest is before


def test_representation() -> None:
    class Model(Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
            self.heads = [nn.Linear(3, 1)]

        def extra_repr(self) -> str:
            return "kind='test'"

        def forward(self, x: Tensor) -> Tensor:
            return x

    assert repr(Model()) == (
        "Model(\n"
        "  kind='test'\n"
        "  (body): Sequential(\n"
        "    (0): Linear(in_features=2, out_features=3, bias=True)\n"
        "    (1): ReLU()\n"
        "  )\n"
        "  (heads.0): Linear(in_features=3, out_features=1, bias=True)\n"
        ")"
    )
    relu = nn.ReLU()
    assert repr(nn.Sequential(relu, relu)).count("ReLU()") == 2, "both places are shown"
    assert repr(nn.Sequential()) == "Sequential()"


def test_learning_works() -> None:
    """A few steps down the slope by hand: everything between forward and .grad fits together."""
    x = tensor(np.linspace(-1, 1, 20, dtype=np.float32)).unsqueeze(1)
    y = x * 2 - 0.5
    model = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
    losses = []
    for _ in range(200):
        loss = nn.functional.mse_loss(model(x), y)
        losses.append(loss.item())
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= p.grad * 0.1
    assert losses[-1] < 0.02 < losses[0]
