"""tt_autograd: gradients for tt-tensor, from a table of rules. Importing it switches them on."""

from tt_tensor import door as _door
from tt_tensor.engine import install as _install

from . import rules as _rules  # noqa: F401  registers the table
from .backward import time_rules, untime_rules
from .checkpointing import checkpoint
from .checks import gradcheck, gradgradcheck
from .custom import Function, FunctionCtx
from .drawing import draw_graph
from .engine import Autograd as _Autograd
from .functional import backward, grad, value_and_grad
from .graph import record as _record, record_one as _record_one, record_pair as _record_pair
from .modes import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled
from .rule import Meta, Shape, joint_vjp, vjp

__version__ = "0.1.0+tt"

_install(_Autograd())
_door.listen(_record, _record_one, _record_pair)

__all__ = [
    "Function",
    "FunctionCtx",
    "Meta",
    "Shape",
    "backward",
    "checkpoint",
    "draw_graph",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "inference_mode",
    "is_grad_enabled",
    "joint_vjp",
    "no_grad",
    "set_grad_enabled",
    "time_rules",
    "untime_rules",
    "value_and_grad",
    "vjp",
]
