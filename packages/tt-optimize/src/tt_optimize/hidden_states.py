"""What layers inside a model compute, read by forward hooks, and how far two models' differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from tt_nn import Linear, Module, ModuleList, functional as F
from tt_nn.hooks import RemovableHandle
from tt_tensor import Tensor

__all__ = ["HiddenLoss", "HiddenStates", "evaluating"]


@contextmanager
def evaluating(model: Module) -> Iterator[Module]:
    """The model in evaluation mode; afterwards every module is in the mode that it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield model
    finally:
        for module, training in modes:
            module.training = training


class HiddenStates:
    """In a ``with``: what the named modules of a model put out in its last call.

    Args:
        model: whose modules are watched.
        names: as in ``model.named_modules()``.

    Raises:
        ValueError: the model has no module of that name.

    >>> from tt_models import MLP
    >>> from tt_tensor import ones
    >>> model = MLP([4, 3, 2])
    >>> with HiddenStates(model, ["layers.1"]) as states:
    ...     _ = model(ones(5, 4))
    ...     states["layers.1"].shape
    (5, 3)
    """

    def __init__(self, model: Module, names: Iterable[str]) -> None:
        modules = dict(model.named_modules())
        self.watched = {name: modules.get(name) for name in names}
        missing = [name for name, module in self.watched.items() if module is None]
        if missing:
            known = ", ".join(name for name in modules if name)
            raise ValueError(
                f"hidden states: {type(model).__name__} has no module {missing[0]!r}; it has "
                f"{known}"
            )
        self.states: dict[str, Tensor] = {}
        self.handles: list[RemovableHandle] = []

    def __getitem__(self, name: str) -> Tensor:
        """What the module put out in the last call.

        Raises:
            RuntimeError: it was not called.
        """
        if name not in self.states:
            raise RuntimeError(f"hidden states: the module {name!r} was not called by the model")
        return self.states[name]

    def __enter__(self) -> Self:
        for name, module in self.watched.items():
            assert module is not None

            def keep(module: Module, args: Any, output: Any, name: str = name) -> None:
                self.states[name] = output[0] if isinstance(output, tuple) else output

            self.handles.append(module.register_forward_hook(keep))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for handle in self.handles:
            handle.remove()
        self.handles.clear()
        self.states.clear()


class HiddenLoss(Module):
    """Σ mean (W s - t)² over pairs of layers: the student's states s and the teacher's t.

    W is learned with the student and thrown away afterwards. It is there only where the widths
    differ: a student with 64 channels cannot have the states of a teacher with 128.

    Args:
        pairs: the name of a student's module -> the name of the teacher's that it is to resemble.
        student: its hidden states on some batch, which give the widths.
        teacher: likewise.

    Shape: states (B, ..., C), or (B, C, H, W) of images; all but C must be the same in both

    Source: Romero et al. 2015, FitNets; Jiao et al. 2020, TinyBERT, §3.1.

    >>> from tt_tensor import ones, zeros
    >>> loss = HiddenLoss({"small": "large"}, {"small": zeros(5, 3)}, {"large": ones(5, 3)})
    >>> loss({"small": zeros(5, 3)}, {"large": ones(5, 3)})
    tensor(1.)
    """

    def __init__(
        self, pairs: Mapping[str, str], student: Mapping[str, Tensor], teacher: Mapping[str, Tensor]
    ) -> None:
        super().__init__()
        self.pairs = dict(pairs)
        projections: list[Module | None] = []
        for ours, theirs in self.pairs.items():
            small, large = channels_last(student[ours]), channels_last(teacher[theirs])
            if small.shape[:-1] != large.shape[:-1]:
                raise ValueError(
                    f"hidden states: {ours!r} of the student and {theirs!r} of the teacher must "
                    f"differ in nothing but their channels; got shapes {student[ours].shape} and "
                    f"{teacher[theirs].shape}"
                )
            widths = small.shape[-1], large.shape[-1]
            projections.append(None if widths[0] == widths[1] else Linear(*widths, bias=False))
        self.projections = ModuleList([p for p in projections if p is not None])
        self.projected = [p is not None for p in projections]

    def forward(self, student: Mapping[str, Tensor], teacher: Mapping[str, Tensor]) -> Tensor:
        """The sum over the pairs; no gradient goes to the teacher."""
        projections = iter(self.projections)
        losses = []
        for (ours, theirs), projected in zip(self.pairs.items(), self.projected, strict=True):
            state, goal = channels_last(student[ours]), channels_last(teacher[theirs]).detach()
            losses.append(F.mse_loss(next(projections)(state) if projected else state, goal))
        return sum(losses[1:], start=losses[0])


def channels_last(state: Tensor) -> Tensor:
    """(B, C, H, W) as (B, H, W, C); anything else has its channels last already."""
    return state.permute(0, 2, 3, 1) if state.ndim == 4 else state
