"""What every backend promises: the same model, on the same weights, found under the same names."""

import copy
import sys
from typing import Any

import numpy as np
import pytest

from tt_autograd import no_grad
from tt_models import CNN, GPT, MLP, GPTConfig, LeNet5, generate, generate_stream
from tt_nn import Linear, Module, Sequential, Tanh, functional as F
from tt_nn.optim import SGD
from tt_optimize import KVCache, Profiler, accelerate, flops, quantize, size_of
from tt_optimize.accelerate.base import Scratch
from tt_tensor import Tensor, randint, randn, tensor

MODELS: dict[str, Any] = {
    "MLP": (lambda: MLP([12, 8, 5]), lambda: randn(3, 12)),
    "CNN": (lambda: CNN(1, 4, widths=(4, 6, 8)), lambda: randn(3, 1, 8, 8)),
    "LeNet5": (lambda: LeNet5(image_size=12), lambda: randn(3, 1, 12, 12)),
    "GPT": (
        lambda: GPT(GPTConfig(vocab_size=11, block_size=12, n_layer=2, n_head=2, n_embd=16)),
        lambda: randint(0, 11, (3, 7)),
    ),
}


def output(model: Module, x: Tensor) -> np.ndarray:
    """The scores, nothing recorded."""
    with no_grad():
        result = model(x)
    return (result[0] if isinstance(result, tuple) else result).numpy()


def same(fast: Module, model: Module, x: Tensor, tolerance: float = 1e-5) -> None:
    expected = output(model, x)
    np.testing.assert_allclose(output(fast, x), expected, 0, tolerance * np.abs(expected).max())


@pytest.fixture(params=MODELS)
def model_and_input(request: pytest.FixtureRequest) -> tuple[Any, Tensor]:
    make, example = MODELS[request.param]
    model = make()
    for parameter in model.parameters():  # biases, gains: nothing that stays 0 or 1
        parameter.data += randn(*parameter.shape) * 0.1
    return model.eval(), example()


def test_the_same_model(model_and_input: tuple[Any, Tensor]) -> None:
    """Its class, its names, its very parameters; modules of its own."""
    model, x = model_and_input
    fast = accelerate(model)
    assert isinstance(fast, type(model)) and fast is not model
    same(fast, model, x)
    own, theirs = dict(fast.named_parameters()), dict(model.named_parameters())
    assert list(own) == list(theirs) and all(own[name] is theirs[name] for name in own)
    assert list(fast.state_dict()) == list(model.state_dict())
    assert size_of(fast) == size_of(model)
    assert 'backend="numpy"' in repr(fast).replace("'", '"')
    assert not {id(module) for module in fast.modules()} & {id(m) for m in model.modules()}


def test_results_are_the_callers(model_and_input: tuple[Any, Tensor]) -> None:
    """The next call does not write over them, and inputs stay as they are."""
    model, x = model_and_input
    fast, before = accelerate(model), x.array.copy()
    first = output(fast, x)
    kept = first.copy()
    output(fast, x.flip(0) if x.dtype.kind == "f" else (x + 1) % 11)
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(x.array, before)


def by_optimizer(model: Any, x: Tensor) -> None:
    result = model(x)
    (result[0] if isinstance(result, tuple) else result).square().mean().backward()
    SGD(model.parameters(), lr=1.0).step()


def by_state(model: Any, x: Tensor) -> None:
    model.load_state_dict({name: value * 1.5 for name, value in model.state_dict().items()})


def by_numpy(model: Any, x: Tensor) -> None:
    for parameter in model.parameters():
        parameter.array[...] *= 0.5


def by_new_memory(model: Any, x: Tensor) -> None:
    for parameter in model.parameters():
        parameter.data = parameter.data * 0.5


def by_dtype(model: Any, x: Tensor) -> None:
    model.double()
    if x.dtype.kind == "f":
        x.array = x.array.astype(np.float64)


@pytest.mark.parametrize("change", [by_optimizer, by_state, by_numpy, by_new_memory, by_dtype])
def test_changed_weights_show_at_once(model_and_input: tuple[Any, Tensor], change: Any) -> None:
    model, x = model_and_input
    fast = accelerate(model)
    single = x[:1, :1] if isinstance(model, GPT) else x[:1]
    before = output(fast, x), output(fast, single)
    change(model, x)
    if change is by_dtype and not isinstance(model, GPT):
        single = x[:1]
    for example, old in zip((x, single), before, strict=True):
        same(fast, model, example)
        if change is not by_dtype:
            assert np.abs(output(fast, example) - old).max() > 1e-3


def test_gradients_are_the_models(model_and_input: tuple[Any, Tensor]) -> None:
    """Through the accelerated model, bit for bit, in training and in evaluation mode."""
    model, x = model_and_input
    fast = accelerate(model)
    for training in (True, False):
        found = []
        for one in (model, fast):
            one.train(training).zero_grad()
            result = one(x)
            (result[0] if isinstance(result, tuple) else result).square().sum().backward()
            found.append([p.grad.array.copy() for p in one.parameters() if p.grad is not None])
        assert len(found[0]) == len(list(model.parameters()))
        for mine, theirs in zip(*found, strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_modes_are_its_own(model_and_input: tuple[Any, Tensor]) -> None:
    model, _ = model_and_input
    fast = accelerate(model).train()
    assert not model.training and not any(module.training for module in model.modules())
    assert all(module.training for module in fast.modules())


def test_copies_and_repeats(model_and_input: tuple[Any, Tensor]) -> None:
    """A copy has weights of its own; accelerating twice changes nothing more."""
    model, x = model_and_input
    fast = accelerate(model)
    twice, copied = accelerate(fast), copy.deepcopy(fast)
    output(fast, x)
    for other in (twice, copied):
        same(other, model, x)
    expected = output(model, x)
    by_numpy(model, x)
    same(twice, model, x)
    np.testing.assert_allclose(output(copied, x), expected, 0, 1e-5 * np.abs(expected).max())


def test_training_with_it(model_and_input: tuple[Any, Tensor]) -> None:
    """Steps through the accelerated model train the model, as they share their weights."""
    model, x = model_and_input
    twin, fast = copy.deepcopy(model), accelerate(model)
    for one in (twin, fast):
        optimizer = SGD(one.parameters(), lr=0.05)
        for _ in range(3):
            optimizer.zero_grad()
            result = one.train()(x)
            (result[0] if isinstance(result, tuple) else result).square().mean().backward()
            optimizer.step()
        one.eval()
    same(fast, twin, x)
    for mine, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        np.testing.assert_array_equal(mine.array, theirs.array)


def test_the_profiler_sees_the_models_operations(model_and_input: tuple[Any, Tensor]) -> None:
    model, x = model_and_input
    fast = accelerate(model)
    assert flops(fast, x) == flops(model, x) > 0
    with no_grad(), Profiler() as p:
        fast(x)
    assert p.result.ops


def test_quantized_models_run(model_and_input: tuple[Any, Tensor]) -> None:
    """int8 layers run their own forward; before accelerating or after."""
    model, x = model_and_input
    small = quantize(model)
    expected = output(small, x)
    with no_grad():
        found = output(accelerate(small), x)
    np.testing.assert_allclose(found, expected, 0, 1e-5 * np.abs(expected).max())


def test_a_model_inside_another() -> None:
    class Pair(Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = [Sequential(Linear(4, 4), Tanh()), Linear(4, 2)]

        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.parts[1](self.parts[0](x)))  # type: ignore[no-any-return]

    model, x = Pair().eval(), randn(3, 4)
    same(accelerate(model), model, x)


def test_a_step_of_a_pipeline(gpt: GPT) -> None:
    same(accelerate(backend="numpy")(gpt), gpt, tensor([[1, 2, 3]]))


def test_unknown_backends_and_models() -> None:
    with pytest.raises(ValueError, match="must be 'numpy' or 'numba', got 'cuda'"):
        accelerate(MLP([2, 2]), backend="cuda")
    with pytest.raises(ValueError, match="in Linear the NumPy backend knows nothing; expected a"):
        accelerate(Linear(2, 2))
    with pytest.raises(TypeError, match="expected a Module first, got int"):
        accelerate(3)


def test_numba_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["tt_optimize.accelerate"], "import_module", _without_numba)
    with pytest.raises(ImportError, match="pip install numba"):
        accelerate(MLP([2, 2]), backend="numba")


def _without_numba(name: str, package: str) -> Any:
    raise ModuleNotFoundError("No module named 'numba'", name="numba")


def test_scratch_is_reused_and_grows() -> None:
    memory = Scratch()
    first = memory.take("x", (2, 3), np.float32)
    assert memory.take("x", (2, 3), np.float32) is first
    assert memory.take("x", (3, 2), np.float32).shape == (3, 2)
    assert memory.take("x", (3, 2), np.float64).dtype == np.float64
    room = memory.room("y", 4, np.float32)
    assert np.shares_memory(room, memory.room("y", 7, np.float32)), "twice as much was taken"
    assert memory.room("y", 9, np.float32).shape == (9,)
    assert (memory.ones(5, np.float32) == 1).all() and (memory.ones(50, np.float32) == 1).all()
    assert copy.deepcopy(memory).kept == {}


def test_writing(gpt: GPT) -> None:
    fast, idx = accelerate(gpt), tensor([[1, 2, 3]])
    expected = generate(gpt, idx, 5, temperature=0)
    assert generate(fast, idx, 5, temperature=0).tolist() == expected.tolist()
    cached = generate(fast, idx, 5, temperature=0, cache=KVCache(fast))
    assert cached.tolist() == expected.tolist()
    stream = generate_stream(fast, idx, 5, temperature=0, cache=KVCache(gpt))
    assert [token.item() for token in stream] == expected[0, 3:].tolist()
