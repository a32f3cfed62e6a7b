"""How tensors are shown."""

import pytest

import tt_tensor as t


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (1.5, "tensor(1.5000)"),
        (2.0, "tensor(2.)"),
        (3, "tensor(3)"),
        (True, "tensor(True)"),
        ([1.0, 2.0], "tensor([1., 2.])"),
        ([1.0, 2.5], "tensor([1.0000, 2.5000])"),
        ([1, -20], "tensor([  1, -20])"),
        ([True, False], "tensor([ True, False])"),
        ([-0.5, 10.25], "tensor([-0.5000, 10.2500])"),
        ([1e-6, 1.0], "tensor([1.0000e-06, 1.0000e+00])"),
        ([1e10, 1.0], "tensor([1.0000e+10, 1.0000e+00])"),
        ([1.0, 1000.0], "tensor([   1., 1000.])"),
        ([1.0, 100000.0], "tensor([1.0000e+00, 1.0000e+05])"),
        ([0.0, 0.0], "tensor([0., 0.])"),
        ([float("nan"), float("inf"), 1.0], "tensor([nan, inf, 1.])"),
        ([[1.0, 2.0], [3.0, 4.0]], "tensor([[1., 2.],\n        [3., 4.]])"),
        ([], "tensor([])"),
    ],
)
def test_values(data, text) -> None:
    assert repr(t.tensor(data)) == text


def test_dtypes_that_are_not_the_default() -> None:
    assert repr(t.tensor([1.0], dtype=t.float64)) == "tensor([1.], dtype=float64)"
    assert repr(t.tensor([1], dtype=t.uint8)) == "tensor([1], dtype=uint8)"
    assert repr(t.zeros(0, 3, dtype=t.int8)) == "tensor([], size=(0, 3), dtype=int8)"


def test_large_tensors_show_their_edges() -> None:
    text = repr(t.arange(10_000.0).reshape(100, 100))
    assert "..." in text and len(text) < 1000
    assert text.startswith("tensor([[") and "9.9990e+03" in text
    assert "..." not in repr(t.zeros(1000))
    many = t.full((1100,), 0.5)
    many[500] = 1e9  # what is not shown does not decide how the rest is
    assert repr(many) == "tensor([0.5000, 0.5000, 0.5000,  ..., 0.5000, 0.5000, 0.5000])"


def test_formats() -> None:
    assert f"{t.tensor(3.14159):.2f}" == "3.14"
    assert f"{t.tensor(3):>4}" == "   3"
    assert f"{t.tensor(0.25)}" == "0.25"
    assert f"{t.tensor([1.0])}" == str(t.tensor([1.0])) == "tensor([1.])"
