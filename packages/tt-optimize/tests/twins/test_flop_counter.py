"""FLOPs against PyTorch's FlopCounterMode, which counts products, convolutions and attention."""

from collections.abc import Callable
from typing import Any

import pytest

import tt_nn as nn
import tt_tensor as tt
from tt_models import CNN, GPT, MLP, GPTConfig
from tt_optimize import Profiler

torch = pytest.importorskip("torch")
from torch.nn.attention import SDPBackend, sdpa_kernel  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

LINEAR = ("linear", "matmul", "conv2d", "scaled_dot_product_attention")


def ours(run: Callable[[], Any]) -> tuple[dict[str, int], dict[str, int], Any]:
    """FLOPs by op, forward and backward, without what PyTorch does not count: biases, softmax."""
    with Profiler(trace=True) as p:
        run().sum().backward()
    forward = {name: p.result.ops[name, "forward"].flops
               for name in LINEAR if (name, "forward") in p.result.ops}  # fmt: skip
    backward = {name: p.result.ops[name, "backward"].flops
                for name in LINEAR if (name, "backward") in p.result.ops}  # fmt: skip
    return forward, backward, p.result


def theirs(run: Callable[[], Any]) -> tuple[int, int]:
    """PyTorch's totals: forward, and backward."""
    with FlopCounterMode(display=False) as counter:
        out = run().sum()
        forward = counter.get_total_flops()
        out.backward()
    return forward, counter.get_total_flops() - forward


def leaf(framework: Any, *shape: int) -> Any:
    return framework.ones(*shape).requires_grad_()


@pytest.mark.parametrize(
    ("left", "right"),
    [((3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)), ((2, 3, 4), (4, 5)), ((6, 2, 3, 4), (6, 2, 4, 5))],
)
@pytest.mark.parametrize("needs", [(True, True), (True, False), (False, True)])
def test_products(left: Any, right: Any, needs: tuple[bool, bool]) -> None:
    def run(framework: Any) -> Callable[[], Any]:
        a, b = framework.ones(*left), framework.ones(*right)
        a.requires_grad_(needs[0])
        b.requires_grad_(needs[1])
        return lambda: a @ b

    forward, backward, _ = ours(run(tt))
    assert (sum(forward.values()), sum(backward.values())) == theirs(run(torch))


@pytest.mark.parametrize("shape", [(7, 4), (2, 7, 4)])
@pytest.mark.parametrize("data", [True, False])
def test_linear(shape: Any, data: bool) -> None:
    def run(module: Any, framework: Any) -> Callable[[], Any]:
        layer = module.Linear(4, 5, bias=False)
        x = framework.ones(*shape)
        x.requires_grad_(not data)
        return lambda: layer(x)

    forward, backward, _ = ours(run(nn, tt))
    assert (forward["linear"], backward["linear"]) == theirs(run(torch.nn, torch))


@pytest.mark.parametrize(
    "options",
    [{}, {"stride": 2, "padding": 1}, {"groups": 2}, {"dilation": 2, "padding": 2}],
)
@pytest.mark.parametrize("data", [True, False])
def test_convolution(options: dict[str, int], data: bool) -> None:
    def run(module: Any, framework: Any) -> Callable[[], Any]:
        layer = module.Conv2d(4, 6, 3, bias=False, **options)
        x = framework.ones(2, 4, 9, 8)
        x.requires_grad_(not data)
        return lambda: layer(x)

    forward, backward, _ = ours(run(nn, tt))
    counted = theirs(run(torch.nn, torch))
    # of groups PyTorch counts the weights' gradient as if each kernel saw all channels
    too_many = (options.get("groups", 1) - 1) * forward["conv2d"]
    assert (forward["conv2d"], backward["conv2d"]) == (counted[0], counted[1] - too_many)


@pytest.mark.parametrize("causal", [False, True])
def test_attention_has_the_same_products(causal: bool) -> None:
    """Forward QKᵀ and PV, backward four products; PyTorch's in operations that it counts."""
    b, h, t, s, d = 2, 3, 8, 8, 16

    def run(f: Any, framework: Any) -> Callable[[], Any]:
        q, k, v = (
            leaf(framework, b, h, t, d),
            leaf(framework, b, h, s, d),
            leaf(framework, b, h, s, d),
        )
        return lambda: f.scaled_dot_product_attention(q, k, v, is_causal=causal)

    forward, backward, _ = ours(run(nn.functional, tt))
    scores = b * h * t * s
    name = "scaled_dot_product_attention"
    products = forward[name] - 6 * scores, backward[name] - 4 * scores - 2 * b * h * t * d
    with sdpa_kernel(SDPBackend.MATH):
        counted = theirs(run(torch.nn.functional, torch))
    assert products == counted == (4 * scores * d, 8 * scores * d)


def pytorchs_mlp() -> Any:
    return torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))


def test_mlp() -> None:
    forward, backward, result = ours(lambda: MLP([64, 32, 10])(tt.ones(8, 64)))
    biases = 8 * (32 + 10)
    model = pytorchs_mlp()
    counted = theirs(lambda: model(torch.ones(8, 64)))
    assert (forward["linear"] - biases, backward["linear"] - biases) == counted
    assert result.uncounted == []


def rebuilt(module: nn.Module) -> Any:
    """The same layer of PyTorch's."""
    if isinstance(module, nn.Conv2d):
        return torch.nn.Conv2d(
            module.in_channels, module.out_channels, module.kernel_size, module.stride,
            module.padding, bias=module.bias is not None,
        )  # fmt: skip
    return torch.nn.Linear(module.in_features, module.out_features, module.bias is not None)


def layer_by_layer(model: nn.Module, run: Callable[[], Any]) -> None:
    """Every linear layer and convolution of a model, with the shapes it really gets."""
    with Profiler(trace=True) as p:
        run().sum().backward()
    assert p.result.tracks is not None
    ((_, _, events),) = p.result.tracks
    seen = 0
    for event in events:
        if event.kind == "forward" and event.name in ("linear", "conv2d"):
            where = event.args["module"]
            module = event.place.owner
            if not isinstance(module, nn.Linear | nn.Conv2d):
                continue  # a functional call
            twin = rebuilt(module)
            images = event.args["inputs"][0]
            x = torch.ones(*images, requires_grad=True)
            counted = theirs(lambda twin=twin, x=x: twin(x))
            out = event.args["output"][0]
            bias = torch.Size(out).numel() if module.bias is not None else 0
            assert event.args["flops"] - bias == counted[0], where
            backward = p.result.modules[where].backward_flops - bias
            assert backward in (counted[1], counted[1] / 2), f"{where}: by all, or not by the data"
            seen += 1
    assert seen == sum(isinstance(m, nn.Linear | nn.Conv2d) for m in model.modules())


def test_cnn() -> None:
    model = CNN()
    layer_by_layer(model, lambda: model(tt.ones(2, 3, 32, 32)))


def test_gpt() -> None:
    model = GPT(GPTConfig(vocab_size=11, block_size=8, n_layer=2, n_head=2, n_embd=16))
    idx = tt.zeros(2, 8).long()
    layer_by_layer(model, lambda: model(idx, targets=idx)[1])
