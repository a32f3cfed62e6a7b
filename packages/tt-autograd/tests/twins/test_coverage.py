"""Every public name has a twin (an expression or program that both frameworks run) or a reason."""

import ast
from pathlib import Path

import tt_autograd
import tt_tensor

HERE = Path(__file__).parent
TENSOR_TWINS = HERE.parents[2] / "tt-tensor" / "tests" / "twins"

_OURS = "PyTorch has nothing of this kind"
_METHOD = "in PyTorch a method only, which has a twin"
_CLASS = "a class of ours, tested by what it does"
WITHOUT = {
    "Op": _OURS,
    "apply": _OURS,
    "listen": _OURS,
    "unlisten": _OURS,
    "time_ops": _OURS,
    "untime_ops": _OURS,
    "time_rules": _OURS,
    "untime_rules": _OURS,
    "Meta": _OURS,
    "Shape": _OURS,
    "vjp": _OURS,
    "joint_vjp": _OURS,
    "value_and_grad": _OURS,
    "draw_graph": _OURS,
    "contiguous": _METHOD,
    "repeat": _METHOD,
    "FunctionCtx": _CLASS,
    "astype": "NumPy's name for to()",
    "array": "our name for what numpy() returns",
    "is_grad_enabled": "torch.is_grad_enabled, shown by what the modes do",
    "inference_mode": "torch.inference_mode; case_inference_mode",
    "__rmatmul__": "what has no tensor on its left is refused by both; errors.txt",
    "set_state": "Generator states are of each framework's own format",
}
OPERATORS = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv", ast.FloorDiv: "floordiv",
    ast.Mod: "mod", ast.Pow: "pow", ast.MatMult: "matmul", ast.BitAnd: "and", ast.BitOr: "or",
    ast.BitXor: "xor", ast.LShift: "lshift", ast.RShift: "rshift", ast.USub: "neg",
    ast.UAdd: "pos", ast.Invert: "invert", ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt",
    ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.In: "contains",
}  # fmt: skip
BUILT_IN = {
    "abs": "abs", "len": "len", "float": "float", "int": "int", "bool": "bool", "hash": "hash",
    "list": "iter", "range": "index", "deepcopy": "deepcopy", "asarray": "array",
}  # fmt: skip
INTERNAL = {"new", "init", "getattribute", "reduce", "repr", "array_priority", "slots", "weakref"}


def used_in(source: str) -> set[str]:
    """The attributes, operators and built-in functions that a piece of source uses."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(attr=name):
                found.add(name)
            case ast.BinOp(op=op) | ast.UnaryOp(op=op):
                name = OPERATORS.get(type(op), "")
                found.add(f"__{name}__")
                left = getattr(node, "left", None)
                if isinstance(left, ast.Constant):
                    found.add(f"__r{name}__")
            case ast.AugAssign(op=op):
                found.add(f"__i{OPERATORS[type(op)]}__")
            case ast.Compare(ops=ops):
                found |= {f"__{OPERATORS.get(type(op), '')}__" for op in ops}
            case ast.Call(func=ast.Name(id=name)) if name in BUILT_IN:
                found.add(f"__{BUILT_IN[name]}__")
            case ast.Subscript(ctx=ast.Store()):
                found.add("__setitem__")
            case ast.Subscript():
                found.add("__getitem__")
            case ast.FormattedValue():
                found.add("__format__")
            case ast.Constant(value=str(name)) if name.isidentifier():
                found.add(name)  # getattr(y, "exp_")
    if "deepcopy" in found:
        found.add("__deepcopy__")
    if "asarray" in found:
        found.add("__array__")
    return found


def names_with_twins() -> set[str]:
    """What both frameworks compute alike; that both refuse something (errors.txt) is not enough."""
    found = set()
    for line in (TENSOR_TWINS / "expressions.txt").read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            found |= used_in(line)
    for path in (TENSOR_TWINS / "test_promotion.py", HERE / "test_engine_twins.py"):
        found |= used_in(path.read_text(encoding="utf-8"))
    return found


def public_names() -> set[str]:
    names = {*tt_tensor.__all__, *tt_autograd.__all__}
    for name, value in vars(tt_tensor.Tensor).items():
        bare = name.removeprefix("__").removesuffix("__")
        if name.startswith("__"):
            if callable(value) and bare not in INTERNAL:
                names.add(name)
        elif not name.startswith("_"):
            names.add(name)
    generator = (n for n in vars(tt_tensor.Generator) if not n.startswith("_"))
    return names | set(generator)


def test_every_public_name_has_a_twin_or_a_reason() -> None:
    assert sorted(public_names() - names_with_twins() - WITHOUT.keys()) == []


def test_every_reason_is_needed() -> None:
    assert sorted(WITHOUT.keys() - public_names()) == []
