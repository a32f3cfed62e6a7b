"""The distillation loss as one writes it in PyTorch: the same value and the same gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tt_tensor as tt
from tt_optimize import distillation_loss
from tt_optimize.hidden_states import HiddenLoss

torch = pytest.importorskip("torch")
F = torch.nn.functional


def theirs(student: Any, teacher: Any, targets: Any, T: float, alpha: float, ignored: int) -> Any:
    rows = student.flatten(0, -2), teacher.flatten(0, -2), targets.flatten()
    student, teacher, targets = (part[rows[2] != ignored] for part in rows)
    soft = F.kl_div(
        F.log_softmax(student / T, -1), F.softmax(teacher / T, -1), reduction="batchmean"
    )
    return alpha * T * T * soft + (1 - alpha) * F.cross_entropy(student, targets)


@pytest.mark.parametrize("T", [0.7, 1.0, 5.0])
@pytest.mark.parametrize("alpha", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("shape", [(9, 5), (3, 4, 6)])
def test_value_and_gradient(T: float, alpha: float, shape: tuple[int, ...]) -> None:
    draw = np.random.default_rng(0)
    student, teacher = draw.standard_normal((2, *shape)) * 4
    targets = draw.integers(0, shape[-1], shape[:-1])
    targets.reshape(-1)[::3] = -1
    ours = tt.from_numpy(student).requires_grad_()
    loss = distillation_loss(
        ours, tt.from_numpy(teacher), tt.from_numpy(targets), T, alpha, ignore_index=-1
    )
    loss.backward()
    twin = torch.tensor(student, requires_grad=True)
    expected = theirs(twin, torch.tensor(teacher), torch.tensor(targets), T, alpha, -1)
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-10)
    assert ours.grad is not None
    np.testing.assert_allclose(ours.grad.numpy(), twin.grad.numpy(), 1e-8, 1e-12)


def test_hidden_states_with_a_projection() -> None:
    draw = np.random.default_rng(0)
    small, large = draw.standard_normal((2, 3, 4, 5)), draw.standard_normal((2, 6, 4, 5))
    state = tt.from_numpy(small).requires_grad_()
    given = {"s": state}, {"t": tt.from_numpy(large)}
    loss = HiddenLoss({"s": "t"}, *given).double()
    value = loss(*given)
    value.backward()
    weight = loss.projections[0].weight
    twin = torch.tensor(small, requires_grad=True)
    kernel = torch.tensor(weight.detach().numpy(), requires_grad=True)
    expected = F.mse_loss(F.conv2d(twin, kernel[:, :, None, None]), torch.tensor(large))
    expected.backward()
    assert value.item() == pytest.approx(expected.item(), rel=1e-10)
    np.testing.assert_allclose(state.grad.numpy(), twin.grad.numpy(), 1e-9, 1e-12)
    np.testing.assert_allclose(weight.grad.numpy(), kernel.grad.numpy(), 1e-9, 1e-12)
