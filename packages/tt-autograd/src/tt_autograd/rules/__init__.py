"""The gradient rules of tt-tensor's operations, registered by importing them."""

from ..rule import table
from . import elementwise, index, linalg, reduction, shape

__all__ = ["elementwise", "index", "linalg", "reduction", "shape"]

_CALM = (
    "add sub mul neg sum mean matmul relu tanh sigmoid clone reshape view squeeze unsqueeze expand "
    "permute transpose getitem split cat stack"
)
for _rules in table.values():
    _rules.calm = _rules.op.name in _CALM.split()
