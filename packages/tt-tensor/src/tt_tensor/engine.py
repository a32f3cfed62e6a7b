"""The socket for a gradient engine, which tt-autograd plugs into.

A Tensor has one opaque slot for its place in a graph. Only the engine fills it, and all that anyone
else may ask of what is in it is its ``grad``. This file says what an engine must be able to do, and
what a Tensor answers while there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Protocol

if TYPE_CHECKING:
    from .tensor import Tensor

__all__ = ["Engine", "engine", "install"]


class Engine(Protocol):
    """What Tensor asks of a gradient engine; PyTorch's meanings throughout."""

    def requires_grad(self, x: Tensor) -> bool: ...
    def set_requires_grad(self, x: Tensor, flag: bool) -> None: ...
    def is_leaf(self, x: Tensor) -> bool: ...
    def grad_fn(self, x: Tensor) -> Any: ...
    def set_grad(self, x: Tensor, grad: Tensor | None) -> None: ...
    def retain_grad(self, x: Tensor) -> None: ...
    def backward(
        self,
        x: Tensor,
        gradient: Tensor | None,
        retain_graph: bool | None,
        create_graph: bool,
        inputs: Any,
    ) -> None: ...
    def tracks(self, *inputs: Any) -> bool: ...
    def before_write(self, x: Tensor, value: Any) -> None: ...


class NoEngine:
    """Stands in while tt-autograd is not there: nothing requires a gradient.

    Asking for one says which package to install.
    """

    def requires_grad(self, x: Tensor) -> bool:
        return False

    def set_requires_grad(self, x: Tensor, flag: bool) -> None:
        if flag:
            _missing("requires_grad=True")

    def is_leaf(self, x: Tensor) -> bool:
        return True

    def grad_fn(self, x: Tensor) -> Any:
        return None

    def set_grad(self, x: Tensor, grad: Tensor | None) -> None:
        if grad is not None:
            _missing("setting .grad")

    def retain_grad(self, x: Tensor) -> None:
        _missing("retain_grad()")

    def backward(self, x: Tensor, *options: Any) -> None:
        _missing("backward()")

    def tracks(self, *inputs: Any) -> bool:
        return False

    def before_write(self, x: Tensor, value: Any) -> None:
        return None


def _missing(what: str) -> NoReturn:
    raise RuntimeError(
        f"{what} needs a gradient engine: the package tt-autograd. If it is installed, import it "
        "(`import tt_autograd`); if not, install it beside this layer from the repository's root: "
        "pip install ./packages/tt-tensor ./packages/tt-autograd"
    )


_engine: Engine = NoEngine()


def engine() -> Engine:
    """The gradient engine in use."""
    return _engine


def install(new: Engine) -> None:
    """Make ``new`` the gradient engine. tt-autograd calls this when it is imported."""
    global _engine
    _engine = new
