"""The Module: a plain object whose attributes are its parameters, buffers and children."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tt_tensor import Tensor, ledger
from tt_tensor.dtypes import canonical

from .hooks import Hook, RemovableHandle, after_all, before_all
from .parameter import Parameter

__all__ = ["Changes", "IncompatibleKeys", "Module", "changes"]

M = TypeVar("M", bound="Module")
T = TypeVar("T", bound=Tensor)


class IncompatibleKeys(NamedTuple):
    """What ``load_state_dict(strict=False)`` could not place."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return (
            f"IncompatibleKeys(missing_keys={self.missing_keys}, "
            f"unexpected_keys={self.unexpected_keys})"
        )


class Changes:
    """``latest`` is another object whenever an attribute of any module has been set or deleted, or
    a module was given a hook.

    Whoever keeps what a walk through a model has found also keeps ``latest``, read before the walk:
    as long as it is the same, so is what a walk would find.
    """

    __slots__ = ("latest",)

    def __init__(self) -> None:
        self.latest = object()


changes = Changes()


class Module:
    """The base of all layers and models: write ``__init__`` and ``forward``.

    Parameters, buffers and child modules are found by walking the attributes in the order they were
    set: a module's own parameters first, then its children's. Lists, tuples and dicts of modules or
    parameters are walked too.

    >>> class Scale(Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = Parameter([2.0])
    ...
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> [name for name, _ in Scale().named_parameters()]
    ['factor']
    """

    training: bool = True

    def __init__(self) -> None:
        # {name: whether it belongs to the state_dict}
        self._buffer_names: dict[str, bool] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; a parameter or buffer is not replaced by something else by mistake."""
        known = self.__dict__.get(name)
        if known is not None and value is not None:
            if isinstance(known, Parameter) and not isinstance(value, Parameter):
                raise TypeError(
                    f"{type(self).__name__}.{name} is a parameter: expected a Parameter or None, "
                    f"got {type(value).__name__}. Use Parameter(value), or {name}.data.copy_(value)"
                )
            if name in self.__dict__.get("_buffer_names", ()) and not isinstance(value, Tensor):
                raise TypeError(
                    f"{type(self).__name__}.{name} is a buffer: expected a Tensor or None, got "
                    f"{type(value).__name__}"
                )
        object.__setattr__(self, name, value)
        changes.latest = object()

    def __delattr__(self, name: str) -> None:
        """Delete an attribute."""
        object.__delattr__(self, name)
        changes.latest = object()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; subclasses write it, callers call the module itself."""
        raise TypeError(f"{type(self).__name__} needs a method forward(self, ...)")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run ``forward`` and the hooks."""
        if before_all or after_all:
            return self._call_watched(args, kwargs)
        state = self.__dict__
        if "_forward_hooks" in state or "_forward_pre_hooks" in state:
            args, kwargs = self._with_pre_hooks(args, kwargs)
            return self._with_hooks(args, kwargs, self.forward(*args, **kwargs))
        return self.forward(*args, **kwargs)

    def _call_watched(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The call with the hooks that every module has, too; its own are the inner ones before
        and the outer ones after."""
        waiting = [hook for hook, always in after_all.values() if always]
        try:
            for hook, _ in tuple(before_all.values()):
                args = _arguments(hook(self, args), args)
            args, kwargs = self._with_pre_hooks(args, kwargs)
            result = self.forward(*args, **kwargs)
            for hook, _ in tuple(after_all.values()):
                if hook in waiting:
                    waiting.remove(hook)
                changed = hook(self, args, result)
                result = result if changed is None else changed
            return self._with_hooks(args, kwargs, result)
        finally:  # something was raised before it was their turn
            for hook in waiting:
                hook(self, args, None)

    def _with_pre_hooks(self, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The arguments as this module's pre-hooks leave them."""
        for hook, with_kwargs in tuple(self.__dict__.get("_forward_pre_hooks", {}).values()):
            if with_kwargs:
                args, kwargs = hook(self, args, kwargs) or (args, kwargs)
            else:
                args = _arguments(hook(self, args), args)
        return args, kwargs

    def _with_hooks(self, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
        """The result as this module's hooks leave it."""
        for hook, with_kwargs in tuple(self.__dict__.get("_forward_hooks", {}).values()):
            given = (args, kwargs) if with_kwargs else (args,)
            changed = hook(self, *given, result)
            result = result if changed is None else changed
        return result

    # ---- what it contains ----------------------------------------------------------------------

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly inside, each once, with their names."""
        seen: set[int] = set()
        for name, value in _attributes(self):
            if isinstance(value, Module) and id(value) not in seen:
                seen.add(id(value))
                yield name, value

    def children(self) -> Iterator[Module]:
        """The modules directly inside."""
        return (module for _, module in self.named_children())

    def named_modules(
        self, memo: set[int] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module ("") and all modules inside, each once, with dotted names."""
        if not remove_duplicate:
            yield from ((path.removesuffix("."), module) for path, module in self._walk(prefix))
            return
        memo = set() if memo is None else memo
        if id(self) in memo:
            return
        memo.add(id(self))
        yield prefix, self
        for name, child in self.named_children():
            yield from child.named_modules(memo, f"{prefix}.{name}" if prefix else name)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """This module and all modules inside, each once."""
        return (m for _, m in self.named_modules(remove_duplicate=remove_duplicate))

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """All parameters with dotted names; a shared one appears once, under its first name."""
        named = self._named(_own_parameters, prefix, recurse)
        yield from _each_once(named) if remove_duplicate else named

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters, each once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """All buffers with dotted names; a shared one appears once, under its first name."""
        named = self._named(_own_buffers, prefix, recurse)
        yield from _each_once(named) if remove_duplicate else named

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers: tensors that belong to the module but are not learned."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Make a tensor an attribute that is not learned, but saved with the module."""
        _check_name("register_buffer", name)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"register_buffer: expected a Tensor, got {type(tensor).__name__}")
        if hasattr(self, name) and name not in self.__dict__.get("_buffer_names", {}):
            raise ValueError(
                f"register_buffer: {type(self).__name__} has an attribute {name!r} already"
            )
        self.__dict__.setdefault("_buffer_names", {})[name] = persistent
        setattr(self, name, tensor)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Make a parameter (or None) an attribute."""
        self._register("register_parameter", name, param, Parameter)

    def add_module(self, name: str, module: Module | None) -> None:
        """Make a module (or None) an attribute under a name that need not be an identifier."""
        self._register("add_module", name, module, Module)

    register_module = add_module

    def _register(self, what: str, name: str, value: Any, kind: type) -> None:
        """Make a value of that kind (or None) an attribute, in the place of no other kind."""
        _check_name(what, name)
        if value is not None and not isinstance(value, kind):
            raise TypeError(
                f"{what}: expected a {kind.__name__} or None, got {type(value).__name__}"
            )
        known = getattr(self, name, None)
        if known is not None and not isinstance(known, kind):
            raise ValueError(f"{what}: {type(self).__name__} has an attribute {name!r} already")
        setattr(self, name, value)

    def get_submodule(self, target: str) -> Module:
        """The module with this dotted name."""
        found = dict(self.named_modules()).get(target)
        if found is None:
            raise AttributeError(f"{type(self).__name__} has no module {target!r}")
        return found

    def get_parameter(self, target: str) -> Parameter:
        """The parameter with this dotted name."""
        found = dict(self._named(_own_parameters, "", True)).get(target)
        if found is None:
            raise AttributeError(f"{type(self).__name__} has no parameter {target!r}")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer with this dotted name."""
        found = dict(self._named(_own_buffers, "", True)).get(target)
        if found is None:
            raise AttributeError(f"{type(self).__name__} has no buffer {target!r}")
        return found

    def _walk(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Module]]:
        """(prefix of names, module) for this module and all inside, shared ones under each name."""
        yield f"{prefix}." if prefix else "", self
        if recurse:
            for name, value in _attributes(self):
                if isinstance(value, Module):
                    yield from value._walk(f"{prefix}.{name}" if prefix else name)

    def _named(
        self, own: Callable[[Module], Iterator[tuple[str, T]]], prefix: str, recurse: bool
    ) -> Iterator[tuple[str, T]]:
        """What ``own`` finds in each module, under each of its names."""
        for path, module in self._walk(prefix, recurse):
            for name, value in own(module):
                yield path + name, value

    # ---- state ---------------------------------------------------------------------------------

    def state_dict(
        self,
        *,
        destination: dict[str, Tensor] | None = None,
        prefix: str = "",
        keep_vars: bool = False,
    ) -> dict[str, Tensor]:
        """All parameters and persistent buffers by dotted name, on the modules' own memory.

        Args:
            destination: a dict to add them to.
            prefix: what all names begin with.
            keep_vars: the parameters themselves, instead of tensors on the same memory that do not
                require grad.
        """
        state: dict[str, Tensor] = {} if destination is None else destination
        for path, module in self._walk():
            for name, parameter in _own_parameters(module):
                state[prefix + path + name] = parameter if keep_vars else parameter.detach()
            for name, buffer in _own_buffers(module):
                if module._buffer_names[name]:  # persistent
                    state[prefix + path + name] = buffer if keep_vars else buffer.detach()
        return state

    def load_state_dict(
        self, state_dict: Mapping[str, Tensor], strict: bool = True
    ) -> IncompatibleKeys:
        """Copy values into the parameters and buffers of the same names.

        Everything is checked first: if anything does not fit, nothing is changed.

        Raises:
            RuntimeError: naming every missing and unexpected key (if strict) and every value that
                is no tensor or has the wrong shape.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(
                f"load_state_dict: expected a dict of tensors, got {type(state_dict).__name__}"
            )
        own = self.state_dict()
        arrays = {
            name: value.array if isinstance(value, Tensor) else np.asarray(value)
            for name, value in state_dict.items()
            if name in own
        }
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        problems = []
        if strict and missing:
            problems.append(f"missing keys: {', '.join(missing)}")
        if strict and unexpected:
            problems.append(f"unexpected keys: {', '.join(unexpected)}")
        for name, array in arrays.items():
            if array.dtype.kind not in "biuf":
                kind = type(state_dict[name]).__name__
                problems.append(f"{name}: expected a Tensor or NumPy array, got {kind}")
            elif array.shape != own[name].shape:
                problems.append(f"{name}: expected shape {own[name].shape}, got {array.shape}")
        if problems:
            raise RuntimeError(
                f"load_state_dict: the state does not fit {type(self).__name__}; nothing was "
                "changed.\n  " + "\n  ".join(problems)
            )
        for name, array in arrays.items():
            np.copyto(own[name].array, array, casting="unsafe")
            ledger.written(own[name].array)
        return IncompatibleKeys(missing, unexpected)

    def train(self: M, mode: bool = True) -> M:
        """Training mode (dropout drops, batch norm measures), here and in all modules inside."""
        if not isinstance(mode, bool):
            raise ValueError(f"train: expected True or False, got {mode!r}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self: M) -> M:
        """Evaluation mode."""
        return self.train(False)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad.detach().zero_()

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Make all parameters learnable, or not."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def apply(self: M, fn: Callable[[Module], Any]) -> M:
        """Call ``fn`` on all modules inside, then on this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def to(self: M, *args: Any, dtype: Any = None, device: Any = None) -> M:
        """All floating parameters and buffers in another dtype; the only device is "cpu"."""
        for arg in args:
            if isinstance(arg, Tensor):
                dtype = arg.dtype
            elif isinstance(arg, str) and arg.partition(":")[0] in ("cpu", "cuda", "mps"):
                device = arg
            else:
                dtype = arg
        if device is not None and str(device).partition(":")[0] != "cpu":
            raise RuntimeError(f'the only device is "cpu", got {device!r}')
        if dtype is not None:
            target = canonical(dtype)
            if target.kind != "f":
                raise TypeError(f"a module's dtype must be floating, got {target}")
            for tensor in (*self.parameters(), *self.buffers()):
                if tensor.dtype.kind == "f":
                    tensor.array = tensor.array.astype(target, copy=False)
                    tensor.grad = None if tensor.grad is None else tensor.grad.to(target)
        return self

    def type(self: M, dst_type: Any) -> M:
        """All floating parameters and buffers in another dtype."""
        return self.to(dst_type)

    def float(self: M) -> M:
        """As float32."""
        return self.to(np.float32)

    def double(self: M) -> M:
        """As float64."""
        return self.to(np.float64)

    def half(self: M) -> M:
        """As float16."""
        return self.to(np.float16)

    def cpu(self: M) -> M:
        """Itself: there is no other device."""
        return self

    # ---- hooks and printing --------------------------------------------------------------------

    def register_forward_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after forward; its result replaces the output.

        Args:
            prepend: before the hooks that are there already, instead of after them.
            with_kwargs: the hook is called as ``hook(module, args, kwargs, output)``.
        """
        hooks = self.__dict__.setdefault("_forward_hooks", {})
        handle = RemovableHandle(hooks, hook, prepend, with_kwargs)
        changes.latest = object()
        return handle

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before forward; its result replaces the arguments.

        Args:
            prepend: before the hooks that are there already, instead of after them.
            with_kwargs: the hook is called as ``hook(module, args, kwargs)`` and may return both.
        """
        hooks = self.__dict__.setdefault("_forward_pre_hooks", {})
        handle = RemovableHandle(hooks, hook, prepend, with_kwargs)
        changes.latest = object()
        return handle

    def extra_repr(self) -> str:
        """What a subclass shows of its settings."""
        return ""

    def _shown_children(self) -> list[str]:
        """A line (or several) for each module inside."""
        named = ((n, value) for n, value in _attributes(self) if isinstance(value, Module))
        return [f"({name}): {module!r}" for name, module in named]

    def __repr__(self) -> str:
        children = self._shown_children()
        inner = [line for line in (self.extra_repr(), *children) if line]
        if not children:
            return f"{type(self).__name__}({self.extra_repr()})"
        body = "\n".join(inner).replace("\n", "\n  ")
        return f"{type(self).__name__}(\n  {body}\n)"


def _arguments(changed: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """What a pre-hook made of the arguments; None leaves them as they are."""
    if changed is None:
        return args
    return changed if isinstance(changed, tuple) else (changed,)


def _check_name(what: str, name: str) -> None:
    if not isinstance(name, str) or not name or "." in name:
        raise ValueError(f"{what}: expected a name without dots, got {name!r}")


_OWN = frozenset({"_buffer_names", "_forward_hooks", "_forward_pre_hooks"})


def _attributes(module: Module) -> Iterator[tuple[str, Any]]:
    """The parameters and modules among the attributes, with names, looking into containers."""
    for name, value in vars(module).items():
        if name not in _OWN:
            yield from _contents(name, value)


def _own_parameters(module: Module) -> Iterator[tuple[str, Parameter]]:
    """The parameters of this module alone."""
    for name, value in _attributes(module):
        if isinstance(value, Parameter):
            yield name, value


def _own_buffers(module: Module) -> Iterator[tuple[str, Tensor]]:
    """The buffers of this module alone, without those that are None or were deleted."""
    for name in module.__dict__.get("_buffer_names", {}):
        value = module.__dict__.get(name)
        if value is not None:
            yield name, value


def _each_once(named: Iterable[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    """Without those that came before under another name."""
    seen: set[int] = set()
    for name, value in named:
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value


def _contents(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, (Parameter, Module)):
        yield name, value
    elif isinstance(value, (list, tuple)):
        yield from _inside(name, enumerate(value))
    elif isinstance(value, dict):
        yield from _inside(name, value.items())


def _inside(name: str, items: Iterable[tuple[Any, Any]]) -> Iterator[tuple[str, Any]]:
    for key, item in items:
        yield from _contents(f"{name}.{key}", item)
