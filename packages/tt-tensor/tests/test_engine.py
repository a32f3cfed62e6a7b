"""Without tt-autograd: tensors compute, and asking for gradients names the package."""

import subprocess
import sys
import textwrap

import pytest


def run(code: str) -> str:
    """What a fresh interpreter prints, in which only tt_tensor is imported."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize(
    "statement",
    [
        "t.ones(2, requires_grad=True)",
        "t.tensor([1.0], requires_grad=True)",
        "t.randn(2, requires_grad=True)",
        "t.Tensor([1.0], requires_grad=True)",
        "t.ones(2).requires_grad_()",
        "x.requires_grad = True",
        "x.grad = t.ones(2)",
        "x.backward()",
        "x.retain_grad()",
    ],
)
def test_gradients_need_the_engine(statement: str) -> None:
    printed = run(
        f"""
        import tt_tensor as t
        x = t.ones(2)
        try:
            {statement}
        except RuntimeError as error:
            print(error)
        """
    )
    assert "tt-autograd" in printed and "import tt_autograd" in printed and "pip" in printed


def test_everything_else_works_alone() -> None:
    printed = run(
        """
        import sys
        import tt_tensor as t
        x = t.ones(2)
        x += 1
        x[0] = 5.0
        y = (x @ x).sqrt().detach()
        print(x.requires_grad, x.is_leaf, x.grad, x.grad_fn, x.requires_grad_(False).tolist())
        x.grad = None
        x.requires_grad = False
        print(round(y.item(), 4), "tt_autograd" in sys.modules)
        """
    )
    assert printed.split() == ["False", "True", "None", "None", "[5.0,", "2.0]", "5.3852", "False"]


def test_only_numpy_is_imported() -> None:
    printed = run(
        """
        import sys
        import numpy, tt_tensor
        ours = {name.partition(".")[0] for name in sys.modules}
        print(sorted(ours & {"tt_autograd", "tt_nn", "torch", "scipy"}))
        """
    )
    assert printed.strip() == "[]"
