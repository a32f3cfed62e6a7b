"""A pipeline does its steps in order, refuses orders that cannot work, and measures each step."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from tt_models import MLP
from tt_nn import Linear, Module, init
from tt_optimize import (
    Pipeline,
    Step,
    accelerate,
    distill,
    finetune,
    low_rank,
    prune,
    quantize,
    size_of,
)
from tt_optimize.ablation import Ablation, count_parameters
from tt_tensor import Tensor, ones, randn


def test_each_step_gets_the_model_of_the_one_before() -> None:
    def widened(model: Linear) -> Linear:
        return Linear(model.in_features, 2 * model.out_features)

    layer = Linear(3, 2)
    result = Pipeline([widened, widened])(layer)
    assert result.weight.shape == (8, 3) and layer.weight.shape == (2, 3)


def test_all_techniques_in_one() -> None:
    teacher = MLP([8, 64, 3])
    batches = [randn(16, 8) for _ in range(4)]
    before = [p.clone() for p in teacher.parameters()]
    pipeline = Pipeline(
        [
            prune(amount=0.5, method="structured"),
            low_rank(rank=4),
            distill(teacher=teacher, loader=batches, alpha=1.0, progress=False),
            finetune(train=lambda model: init.zeros_(model.layers[2].bias)),
            quantize(bits=8),
            accelerate(backend="numpy"),
        ]
    )
    small = pipeline(teacher)
    assert small(ones(2, 8)).shape == (2, 3)
    assert size_of(small) < size_of(teacher) / 4
    assert all((p == q).all() for p, q in zip(teacher.parameters(), before, strict=True))


def test_finetune_trains_a_copy_in_training_mode() -> None:
    seen = []
    model = MLP([2, 3, 2]).eval()

    def train(copy: MLP) -> None:
        seen.append(copy.training)
        init.ones_(copy.layers[0].weight)

    tuned = finetune(model, train)
    assert seen == [True] and not tuned.training and not model.training
    assert (tuned.layers[0].weight == 1).all() and not (model.layers[0].weight == 1).any()


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (quantize(), prune(amount=0.5)),
        (quantize(), low_rank(rank=2)),
        (quantize(), finetune(train=print)),
        (quantize(), quantize()),
        (quantize(), distill(teacher=Linear(1, 1), loader=[])),
        (accelerate(), quantize()),
        (accelerate(), prune()),
    ],
)
def test_an_order_that_cannot_work_is_refused_by_name(earlier: Step, later: Step) -> None:
    message = rf"Pipeline: {later.name} cannot follow {earlier.name}: .*help: keep this order"
    with pytest.raises(ValueError, match=message):
        Pipeline([earlier, later])
    Pipeline([later, earlier]) if later.name != earlier.name else None


def test_there_must_be_steps() -> None:
    with pytest.raises(ValueError, match="at least one step"):
        Pipeline([])
    with pytest.raises(TypeError, match="got Linear"):
        Pipeline([Linear(2, 2)])
    with pytest.raises(TypeError, match="got str"):
        Pipeline(["prune"])  # type: ignore[list-item]


# ---- ablation ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ablation() -> Ablation:
    def only_after_pruning(model: MLP) -> MLP:
        if model.layers[0].out_features == 128:
            raise ValueError("there is nothing to be picky about")
        return model

    pipeline = Pipeline(
        [prune(amount=0.5, method="structured"), only_after_pruning, quantize(), accelerate()]
    )

    def hidden(model: Any) -> float:
        return float(model.layers[0].out_features)

    return pipeline.ablation(
        MLP([64, 128, 16]), hidden, ones(4, 64), quality="hidden neurons", samples=3
    )


def test_every_prefix_and_every_single_step_has_a_row(ablation: Ablation) -> None:
    assert [row.name for row in ablation.rows] == [
        "the model",
        "prune",
        "prune + only_after_pruning",
        "prune + only_after_pruning + quantize",
        "prune + only_after_pruning + quantize + accelerate",
        "only_after_pruning alone",
        "quantize alone",
        "accelerate alone",
    ]


def test_the_figures_are_those_of_the_models(ablation: Ablation) -> None:
    model, pruned, quantized = (ablation[n] for n in ("the model", "prune", "quantize alone"))
    weights, biases = 64 * 128 + 128 * 16, 128 + 16
    assert model.parameters == quantized.parameters == weights + biases
    assert model.bytes_memory == 4 * (weights + biases)
    assert quantized.bytes_memory == weights + 2 * 4 * biases  # a scale for each output, a bias
    assert model.flops == 4 * (2 * weights + biases + 128)  # the ReLU
    assert (model.quality, pruned.quality) == (128, 64)
    assert pruned.parameters == 64 * 64 + 64 + 64 * 16 + 16
    assert pruned.bytes_disk > pruned.bytes_memory  # the file's header
    assert quantized.bytes_disk < 0.3 * model.bytes_disk
    accelerated = ablation["accelerate alone"]
    assert accelerated.flops == model.flops and accelerated.parameters == model.parameters
    for row in ablation.rows:
        assert row.refused or 0 < row.low <= row.seconds <= row.high


def test_a_step_that_cannot_be_done_alone_says_why(ablation: Ablation) -> None:
    refused = ablation["only_after_pruning alone"]
    assert refused.refused == "ValueError: there is nothing to be picky about"
    assert math.isnan(refused.quality) and math.isnan(refused.seconds)
    assert "only_after_pruning alone: not possible. ValueError: there is nothing" in str(ablation)


def test_a_step_that_fails_within_the_pipeline_raises() -> None:
    def broken(model: Module) -> Module:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        Pipeline([broken]).ablation(Linear(2, 2), lambda model: 0.0, ones(1, 2))


def test_it_is_shown_and_written(ablation: Ablation) -> None:
    text = str(ablation)
    assert "hidden neurons" in text and "medians of 3 by turns" in text
    facts = json.loads(ablation.to_json())
    assert [row["name"] for row in facts["rows"]] == [row.name for row in ablation.rows]
    assert facts["rows"][1]["steps"] == ["prune(amount=0.5, method='structured')"]
    assert facts["rows"][5]["quality"] is None
    with pytest.raises(KeyError, match="there are 'the model'"):
        ablation["prun"]


def test_modes_and_the_number_of_samples() -> None:
    model = MLP([4, 3, 2]).train()
    modes = []

    def evaluate(model: Module) -> float:
        modes.append(model.training)
        return 0.0

    Pipeline([prune()]).ablation(model, evaluate, (ones(1, 4),), samples=3)
    assert modes == [False, False] and model.training
    with pytest.raises(ValueError, match="at least 3 samples, got 1"):
        Pipeline([prune()]).ablation(model, evaluate, ones(1, 4), samples=1)


def test_progress_is_told() -> None:
    told: list[str] = []
    pipeline = Pipeline([prune(), quantize()])
    pipeline.ablation(
        MLP([4, 3, 2]), lambda model: 0.0, ones(1, 4), samples=3, progress=told.append
    )
    assert told[:3] == ["prune", "prune + quantize", "quantize alone"]
    assert told[3] == "measuring the model"


@pytest.mark.parametrize("options", [{"bits": 8}, {"bits": 4}, {"scheme": "float16"}])
def test_parameters_are_counted_whatever_they_are_stored_as(options: dict[str, Any]) -> None:
    model = MLP([9, 7, 5])
    assert count_parameters(quantize(model, **options)) == count_parameters(model) == 110


def test_a_shared_weight_counts_once(gpt: Any) -> None:
    assert count_parameters(gpt) == gpt.num_parameters()
    quantized = quantize(gpt)
    assert count_parameters(quantized) == gpt.num_parameters()
    x: Tensor = ones(1, 4).long()
    assert quantized(x)[0].shape == (1, 4, 11)
