"""Distillation: the loss has true gradients, and a student learns what the teacher knows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tt_autograd import gradcheck, no_grad
from tt_models import GPT, MLP, GPTConfig
from tt_nn import Dropout, Linear, Module, ReLU, Sequential, functional as F
from tt_nn.optim import SGD
from tt_nn.optim.lr_scheduler import StepLR
from tt_nn.training import Callback
from tt_optimize import distill, distillation_loss, quantize
from tt_tensor import Tensor, allclose, float64, manual_seed, randint, randn, tensor


def by_definition(student: Any, teacher: Any, targets: Any, T: float, alpha: float) -> float:
    """The equation of Hinton et al. in NumPy, in float64."""

    def softmax(x: Any) -> Any:
        e = np.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    p, q = softmax(teacher / T), softmax(student / T)
    divergence = (p * np.log(p / q)).sum(-1).mean()
    surprise = -np.log(softmax(student)[np.arange(len(targets)), targets]).mean()
    return float(alpha * T**2 * divergence + (1 - alpha) * surprise)


@pytest.mark.parametrize("T", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_the_loss_is_the_equation(T: float, alpha: float) -> None:
    student, teacher = randn(7, 5, dtype=float64), randn(7, 5, dtype=float64) * 3
    targets = randint(0, 5, (7,))
    loss = distillation_loss(student, teacher, targets, temperature=T, alpha=alpha)
    expected = by_definition(student.numpy(), teacher.numpy(), targets.numpy(), T, alpha)
    assert loss.item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_its_gradient_is_that_of_finite_differences(alpha: float) -> None:
    teacher, targets = randn(2, 3, 4, dtype=float64), tensor([[1, -1, 3], [0, 2, -1]])
    student = randn(2, 3, 4, dtype=float64).requires_grad_()
    assert gradcheck(
        lambda s: distillation_loss(s, teacher, targets, 3.0, alpha, ignore_index=-1), (student,)
    )


def test_rows_that_do_not_count_change_nothing() -> None:
    student, teacher = randn(2, 3, 4).requires_grad_(), randn(2, 3, 4)
    targets = tensor([[1, -1, 3], [-1, 2, 0]])
    loss = distillation_loss(student, teacher, targets, ignore_index=-1)
    counts = targets != -1
    alone = distillation_loss(student[counts], teacher[counts], targets[counts])
    assert loss.item() == pytest.approx(alone.item())
    loss.backward()
    assert student.grad is not None
    assert student.grad.numpy()[~counts.numpy()].any() == False  # noqa: E712
    assert student.grad.numpy()[counts.numpy()].any()


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_the_mean_of_no_rows_is_nan(alpha: float) -> None:
    nothing = distillation_loss(randn(2, 3), randn(2, 3), tensor([-1, -1]), 2.0, alpha, -1)
    assert math.isnan(nothing.item())


def test_no_gradient_goes_to_the_teacher() -> None:
    student, teacher = randn(4, 3).requires_grad_(), randn(4, 3).requires_grad_()
    distillation_loss(student, teacher, tensor([0, 1, 2, 0])).backward()
    assert student.grad is not None and teacher.grad is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((randn(2, 3), randn(2, 4), tensor([0, 1])), r"same classes of the same rows"),
        ((randn(2, 3), randn(2, 3), tensor([0])), r"need targets of shape \(2,\).*got \(1,\)"),
        ((randn(2, 3), randn(2, 3), None), r"without targets alpha must be 1, got 0\.9"),
        ((randn(2, 3), randn(2, 3), tensor([0, 1]), 0.0), r"temperature must be positive, got 0"),
        ((randn(2, 3), randn(2, 3), tensor([0, 1]), 2.0, 1.5), r"alpha must lie in 0 to 1"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        distillation_loss(*arguments)


# ---- training ------------------------------------------------------------------------------------


def world() -> tuple[MLP, MLP, list[tuple[Tensor, Tensor]]]:
    """A teacher, a smaller student, and batches whose labels are the teacher's."""
    manual_seed(1)
    teacher, student = MLP([6, 32, 4]), MLP([6, 12, 4])
    inputs = [randn(32, 6) for _ in range(8)]
    return teacher, student, [(x, teacher(x).argmax(1)) for x in inputs]


def agreement(model: Module, teacher: Module) -> float:
    x = randn(2000, 6)
    return float((model(x).argmax(1) == teacher(x).argmax(1)).float().mean().item())


def test_the_student_comes_to_agree_with_the_teacher() -> None:
    teacher, student, batches = world()
    taught = distill(student, teacher, batches, epochs=40, lr=0.02, seed=0, progress=False)
    assert agreement(taught, teacher) > 0.9 > agreement(student, teacher) + 0.1


def test_student_and_teacher_stay_as_they_are() -> None:
    teacher, student, batches = world()
    teacher.train()
    teacher.layers[1].eval()
    before = [[p.clone() for p in m.parameters()] for m in (student, teacher)]
    taught = distill(student, teacher, batches, progress=False)
    for model, was in zip((student, teacher), before, strict=True):
        assert all((p == q).all() for p, q in zip(model.parameters(), was, strict=True))
        assert all(p.grad is None for p in model.parameters())
    assert teacher.training and teacher.layers[0].training and not teacher.layers[1].training
    assert student.training and not taught.training
    assert not any((p == q).all() for p, q in zip(taught.parameters(), before[0], strict=True))


def test_the_teacher_answers_in_evaluation_mode_without_a_graph() -> None:
    class Watched(Module):
        def __init__(self) -> None:
            super().__init__()
            self.drop, self.head = Dropout(0.5), Linear(6, 4)
            self.seen: list[tuple[bool, bool]] = []

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.head(self.drop(x))
            self.seen.append((self.drop.training, out.requires_grad))
            return out

    teacher = Watched()
    _, student, batches = world()
    distill(student, teacher, batches, progress=False)
    assert teacher.seen == [(False, False)] * len(batches)


def test_with_alpha_0_the_teacher_is_not_asked() -> None:
    class Silent(Module):
        def forward(self, x: Tensor) -> Tensor:
            raise AssertionError("asked")

    _, student, batches = world()
    alone = distill(student, Silent(), batches, epochs=2, alpha=0.0, seed=0, progress=False)

    def ce(model: Module) -> float:
        return sum(float(F.cross_entropy(model(x), y).item()) for x, y in batches)

    assert ce(alone) < ce(student)


def test_the_same_seed_gives_the_same_student() -> None:
    teacher, _, batches = world()
    student = Sequential(Linear(6, 12), ReLU(), Dropout(0.5), Linear(12, 4))
    one, same, other = (
        distill(student, teacher, batches, seed=seed, progress=False) for seed in (0, 0, 1)
    )
    assert (one[0].weight == same[0].weight).all()
    assert not (one[0].weight == other[0].weight).all()


def test_optimizer_scheduler_callbacks_and_validation_are_those_of_training() -> None:
    class Watch(Callback):
        def on_epoch_end(self, trainer: Any) -> None:
            self.trainer = trainer

    teacher, student, batches = world()
    watch = Watch()
    distill(
        student,
        teacher,
        batches,
        epochs=3,
        optimizer=lambda parameters: SGD(parameters, lr=0.5),
        scheduler=lambda optimizer: StepLR(optimizer, step_size=len(batches), gamma=0.1),
        val=batches[:1],
        callbacks=[watch],
        progress=False,
    )
    assert watch.trainer.step == 3 * len(batches)
    assert watch.trainer.optimizer.param_groups[0]["lr"] == pytest.approx(0.5e-3)
    assert len(watch.trainer.history["val_loss"]) == 3


def test_hidden_states_with_a_learned_projection() -> None:
    teacher, student, batches = world()
    hidden = {"layers.1": "layers.1"}
    options: dict[str, Any] = {"epochs": 20, "lr": 0.02, "seed": 0, "progress": False}
    taught = distill(student, teacher, batches, hidden=hidden, hidden_weight=10.0, **options)
    plain = distill(student, teacher, batches, **options)
    assert list(taught.state_dict()) == list(student.state_dict())  # the projection is gone
    assert not any(vars(m).get("_forward_hooks") for m in (*taught.modules(), *teacher.modules()))

    def unexplained(model: MLP) -> float:
        """Of the teacher's hidden states, what a linear map of the student's cannot tell."""
        x = randn(500, 6)
        with no_grad():
            ours, theirs = (m.layers[1](m.layers[0](x)).numpy() for m in (model, teacher))
        fit = np.linalg.lstsq(ours, theirs, rcond=None)[0]
        return float(np.square(ours @ fit - theirs).mean())

    assert unexplained(taught) < 0.8 * unexplained(plain)


def test_hidden_states_take_no_batch_away() -> None:
    """Their widths are found on the first one, which is trained on like the others."""
    teacher, student, batches = world()
    options: dict[str, Any] = {"hidden": {"layers.1": "layers.1"}, "seed": 0, "progress": False}
    taught = [distill(student, teacher, b, **options) for b in (batches, iter(batches))]
    for ours, theirs in zip(*(model.parameters() for model in taught), strict=True):
        np.testing.assert_array_equal(ours.array, theirs.array)
    with pytest.raises(ValueError, match="at least one batch"):
        distill(student, teacher, [], **options)


def test_a_gpt_learns_from_a_gpt() -> None:
    manual_seed(0)
    sizes: dict[str, Any] = {"vocab_size": 7, "block_size": 8, "n_head": 2}
    teacher = GPT(GPTConfig(n_layer=2, n_embd=16, **sizes))
    for p in teacher.parameters():
        p.data *= 8.0 if p.ndim == 2 else 1.0
    student = GPT(GPTConfig(n_layer=1, n_embd=8, **sizes))
    idx = randint(0, 7, (16, 8))
    targets = idx.clone()
    targets[:, :3] = -1

    def apart(model: GPT) -> float:
        with no_grad():
            soft, own = teacher(idx)[0], model(idx)[0]
        return float(distillation_loss(own, soft, targets, 1.0, 1.0, ignore_index=-1).item())

    taught = distill(
        student,
        teacher,
        [(idx, targets)],
        epochs=100,
        lr=0.02,
        ignore_index=-1,
        hidden={"transformer.h.0": "transformer.h.1"},
        hidden_weight=0.1,
        progress=False,
    )
    assert apart(taught) < apart(student) / 2


def test_it_can_be_a_step() -> None:
    teacher, student, batches = world()
    step = distill(teacher=teacher, loader=batches, seed=0, progress=False)
    at_once = distill(student, teacher, batches, seed=0, progress=False)
    assert allclose(step(student).layers[0].weight, at_once.layers[0].weight)


def test_a_student_must_have_something_to_train() -> None:
    teacher, student, batches = world()
    with pytest.raises(ValueError, match=r"no parameter to train.*distill first"):
        distill(quantize(student), teacher, batches)


def test_named_layers_must_exist() -> None:
    teacher, student, batches = world()
    with pytest.raises(ValueError, match=r"MLP has no module 'layer'; it has layers, layers\.0"):
        distill(student, teacher, batches, hidden={"layer": "layers.0"})


def test_inputs_alone_need_alpha_1() -> None:
    teacher, student, batches = world()
    with pytest.raises(ValueError, match=r"without targets alpha must be 1"):
        distill(student, teacher, [x for x, _ in batches], progress=False)
