"""Sequential, ModuleList, ModuleDict."""

from collections import OrderedDict
from typing import Any

import pytest

import tt_nn as nn
from tt_nn import Linear, Module, ModuleDict, ModuleList, ReLU, Sequential, Tanh
from tt_tensor import Tensor, ones


def parts() -> list[Module]:
    return [Linear(2, 3), ReLU(), Linear(3, 1)]


def names(container: Module) -> list[str]:
    return [name for name, _ in container.named_children()]


@pytest.fixture(params=["Sequential", "ModuleList"])
def numbered(request: pytest.FixtureRequest) -> Any:
    """A container of three modules, and the modules."""
    modules = parts()
    container = Sequential(*modules) if request.param == "Sequential" else ModuleList(modules)
    return container, modules


def test_order_index_and_iteration(numbered: Any) -> None:
    container, modules = numbered
    assert len(container) == 3 and list(container) == modules
    assert [container[i] for i in (0, 1, 2, -1, -3)] == [*modules, modules[2], modules[0]]
    assert names(container) == ["0", "1", "2"]
    assert modules[1] in container
    for bad in (3, -4):
        with pytest.raises(IndexError, match=f"index {bad} is out of range for 3 modules"):
            container[bad]
        with pytest.raises(IndexError, match=f"index {bad} is out of range"):
            container[bad] = ReLU()
        with pytest.raises(IndexError, match=f"index {bad} is out of range"):
            del container[bad]


def test_slices_hold_the_same_modules(numbered: Any) -> None:
    container, modules = numbered
    for part in (
        slice(1, None),
        slice(None, 2),
        slice(None, None, 2),
        slice(-1, None),
        slice(0, 0),
    ):
        sliced = container[part]
        assert type(sliced) is type(container) and list(sliced) == modules[part]


def test_a_sequentials_slice_keeps_the_names_and_a_lists_counts_anew() -> None:
    assert names(Sequential(*parts())[1:]) == ["1", "2"]
    assert names(ModuleList(parts())[1:]) == ["0", "1"]


def test_replacing_and_deleting(numbered: Any) -> None:
    container, modules = numbered
    new = Tanh()
    container[-2] = new
    assert list(container) == [modules[0], new, modules[2]]
    del container[0]
    assert list(container) == [new, modules[2]] and names(container) == ["0", "1"]
    del container[:]
    assert len(container) == 0 and not list(container.parameters())


def test_growing(numbered: Any) -> None:
    container, modules = numbered
    a, b, c = Tanh(), Tanh(), Tanh()
    assert container.append(a) is container
    assert container.extend([b]) is container
    container.insert(0, c)
    assert list(container) == [c, *modules, a, b]
    assert names(container) == list("012345")
    assert container.pop(1) is modules[0] and container.pop() is b
    assert list(container) == [c, *modules[1:], a] and names(container) == list("0123")


def test_many_modules_stay_in_order() -> None:
    modules = [ReLU() for _ in range(12)]
    assert list(ModuleList(modules)) == modules == list(Sequential(*modules))


def test_only_modules_go_in(numbered: Any) -> None:
    container, modules = numbered
    for attempt in (
        lambda: container.append("relu"),
        lambda: container.extend([ReLU(), 3]),
        lambda: container.insert(0, lambda x: x),
        lambda: container.__setitem__(0, None),
    ):
        with pytest.raises(TypeError, match="expected a Module, got"):
            attempt()
    assert [m for m in modules if m not in container] == []


def test_sequential_applies_one_after_another() -> None:
    a, b, c = parts()
    x = ones(4, 2)
    model = Sequential(a, b, c)
    assert model(x).tolist() == c(b(a(x))).tolist()
    assert model[:2](x).tolist() == b(a(x)).tolist()
    assert Sequential()(x) is x
    assert Sequential(a, b)(x).shape == (4, 3)


def test_sequential_with_names() -> None:
    model = Sequential(OrderedDict(first=Linear(2, 3), act=ReLU(), last=Linear(3, 1)))
    assert list(model.state_dict()) == ["first.weight", "first.bias", "last.weight", "last.bias"]
    assert model[1] is model.act and model(ones(1, 2)).shape == (1, 1)
    assert names(model[1:]) == ["act", "last"]
    model[1] = Tanh()
    assert names(model) == ["first", "act", "last"] and isinstance(model.act, Tanh)


def test_the_same_module_twice() -> None:
    layer = Linear(2, 2)
    model = Sequential(layer, ReLU(), layer)
    assert len(model) == 3 and list(model)[2] is layer
    assert len(list(model.parameters())) == 2
    model(ones(1, 2)).sum().backward()


def test_a_module_list_is_no_function() -> None:
    with pytest.raises(TypeError, match="ModuleList needs a method forward"):
        ModuleList([ReLU()])(ones(1))
    assert len(ModuleList()) == 0 and len(ModuleList(None)) == 0
    assert len(ModuleList(Linear(1, 1) for _ in range(3))) == 3


class Net(Module):
    """Uses a ModuleDict as nanoGPT does."""

    def __init__(self) -> None:
        super().__init__()
        blocks = ModuleList([Linear(2, 2) for _ in range(2)])
        self.transformer = ModuleDict(
            {"wte": nn.Embedding(5, 2), "h": blocks, "ln_f": nn.LayerNorm(2)}
        )

    def forward(self, idx: Tensor) -> Tensor:
        x = self.transformer.wte(idx)
        for block in self.transformer.h:
            x = block(x)
        return self.transformer.ln_f(x)


def test_a_module_dict_has_its_modules_as_attributes() -> None:
    net = Net()
    assert net(ones(3).long()).shape == (3, 2)
    assert net.transformer.wte is net.transformer["wte"]
    assert list(net.state_dict())[:2] == ["transformer.wte.weight", "transformer.h.0.weight"]
    net.transformer.ln_f = nn.RMSNorm(2)
    assert isinstance(net.transformer["ln_f"], nn.RMSNorm)
    with pytest.raises(AttributeError, match="wpe"):
        _ = net.transformer.wpe


def test_a_module_dict_is_a_dict() -> None:
    a, b, c = parts()
    modules = ModuleDict({"a": a, "b": b})
    modules["c"] = c
    assert list(modules) == ["a", "b", "c"] == list(modules.keys()) and len(modules) == 3
    assert list(modules.values()) == [a, b, c]
    assert list(modules.items()) == [("a", a), ("b", b), ("c", c)]
    assert "a" in modules and "training" not in modules and 3 not in modules
    modules["a"] = b
    assert list(modules) == ["a", "b", "c"] and modules["a"] is b, "a replaced one keeps its place"
    assert modules.pop("b") is b and "b" not in modules
    del modules["a"]
    modules.update(ModuleDict({"d": a}))
    assert list(modules) == ["c", "d"]
    modules.clear()
    assert len(modules) == 0 and len(ModuleDict()) == 0
    with pytest.raises(KeyError, match="c"):
        modules["c"]


@pytest.mark.parametrize("name", ["keys", "training", "forward", "a.b", ""])
def test_names_that_would_hide_something(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name!r} cannot name a module"):
        ModuleDict({name: ReLU()})
    with pytest.raises(
        ValueError, match=f"{name.replace('keys', 'append')!r} cannot name a module"
    ):
        Sequential({name.replace("keys", "append"): ReLU()})


def test_module_dict_errors() -> None:
    with pytest.raises(TypeError, match="expected a Module, got int"):
        ModuleDict({"a": 3})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="3 cannot name a module"):
        ModuleDict({3: ReLU()})  # type: ignore[dict-item]


def test_a_list_of_parameters() -> None:
    shared = nn.Parameter([1.0])
    values = nn.ParameterList([shared, ones(2)]).append(ones(3))
    assert [name for name, _ in values.named_parameters()] == ["0", "1", "2"]
    assert values[0] is shared and values[-1].shape == (3,) and len(values) == 3
    values[1] = ones(4)
    assert [p.shape for p in values] == [(1,), (4,), (3,)]
    assert all(isinstance(p, nn.Parameter) for p in values)
    with pytest.raises(IndexError, match="3 is out of range for 3 parameters"):
        values[3]
    with pytest.raises(TypeError, match="got list"):
        values.append([1.0])


def test_containers_add_up() -> None:
    one, two = nn.Sequential(nn.ReLU()), nn.Sequential(nn.Tanh())
    both = one + two
    assert [type(m).__name__ for m in both] == ["ReLU", "Tanh"] and len(one) == 1
    one += two
    assert repr(one) == repr(both)


def test_neighbours_that_look_the_same_are_shown_once() -> None:
    layers = nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Tanh()])
    assert repr(layers) == "ModuleList(\n  (0-1): 2 x ReLU()\n  (2): Tanh()\n)"
