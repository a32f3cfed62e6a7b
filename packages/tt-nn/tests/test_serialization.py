"""Saving and loading: exact, readable by others, never half written, never deceived."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings, strategies as st

from tt_nn.serialization import load, save
from tt_tensor import Tensor, from_numpy, get_rng_state, ones, randn, tensor

DTYPES = ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool"]


def same(a: Any, b: Any) -> bool:
    """Equal in type and every bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, Tensor):
        return a.dtype == b.dtype and a.shape == b.shape and a.array.tobytes() == b.array.tobytes()
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b and math.copysign(1, a) == math.copysign(1, b) if type(a) is float else a == b


def through(obj: Any) -> Any:
    file = io.BytesIO()
    save(obj, file)
    file.seek(0)
    return load(file)


# ---- what goes in comes out ----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)])
def test_tensors_of_every_kind(dtype: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    x = from_numpy(np.asarray(np.random.default_rng(0).integers(0, 2, shape)).astype(dtype))
    save({"x": x}, tmp_path / "x.any_suffix")
    found = load(tmp_path / "x.any_suffix")["x"]
    assert same(found, x) and isinstance(found.array, np.ndarray)
    found.array[...] = 1  # memory of its own


def test_arrays_in_any_order_in_memory() -> None:
    base = np.arange(24.0).reshape(4, 6)
    for array in (base.T, base[::2, ::-1], np.broadcast_to(base[0], (3, 6)), base.astype(">f8")):
        found = through({"x": from_numpy(array)})["x"].array
        np.testing.assert_array_equal(found, array)
        assert found.dtype.isnative and found.flags.c_contiguous


PLAIN = [
    None,
    True,
    False,
    0,
    1,
    -(2**63),
    2**64 + 1,
    -(10**5000),
    0.1,
    -0.0,
    5e-324,
    1.7976931348623157e308,
    math.inf,
    -math.inf,
    "",
    "line\n\u2028 \U0001f600 \x00",
    "\ud800",
    (),
    [],
    {},
    [(), [], {}],
    {1: "int", "1": "str", None: 0, 2.5: 1, (1, ("a", 2)): 2},
    {"float": "nan"},
    {"tensor": "x"},
    {"dict": []},
]


@pytest.mark.parametrize("obj", PLAIN, ids=lambda obj: repr(obj)[:20] if obj != PLAIN[7] else "big")
def test_plain_values(obj: Any) -> None:
    assert same(through(obj), obj)
    assert same(through({"a": [obj, ones(2)]}), {"a": [obj, ones(2)]})


def test_nan() -> None:
    assert math.isnan(through({"x": math.nan})["x"])


def test_true_and_one_are_told_apart() -> None:
    assert through([True, 1, 1.0]) == [True, 1, 1.0]
    assert [type(x) for x in through([True, 1, 1.0])] == [bool, int, float]


plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
keys = st.text() | st.integers() | st.none()
nested = st.recursive(
    plain | st.builds(lambda n: tensor(list(range(n))), st.integers(0, 3)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(keys, inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=100, deadline=None)
@given(nested)
def test_anything_nested(obj: Any) -> None:
    assert same(through(obj), obj)


def test_a_single_tensor_and_a_parameter_that_is_followed() -> None:
    x = randn(3, requires_grad=True)
    found = through(x)
    assert found.tolist() == x.tolist() and not found.requires_grad


def test_paths_that_would_clash() -> None:
    obj = {"a.b": tensor(1), "a": {"b": tensor(2)}, "a.b#2": tensor(3), "__metadata__": tensor(4)}
    obj |= {"\ud800": tensor(5), 1: tensor(6), "1": tensor(7)}
    assert same(through(obj), obj)


def test_subclasses_come_back_plain() -> None:
    assert same(through(OrderedDict(b=1, a=2)), {"b": 1, "a": 2})
    assert type(through(np.float64(0.1))) is float


def test_a_random_state() -> None:
    state = get_rng_state()
    assert same(through({"rng": state})["rng"], state)


def test_a_deep_structure() -> None:
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    assert through(deep) == deep


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_the_state_of_optimizer_and_schedule(name: str, tmp_path: Path) -> None:
    from tt_nn import optim

    p = randn(3, requires_grad=True)
    optimizer = getattr(optim, name)([("w", p)], lr=0.1)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, 0.1, 10)
    p.grad = randn(3)
    optimizer.step()
    schedule.step()
    state = {"o": optimizer.state_dict(), "s": schedule.state_dict()}
    save(state, tmp_path / "state")
    assert same(load(tmp_path / "state"), state)


# ---- others read it, and it reads others' --------------------------------------------------------


def test_a_state_dict_has_the_same_keys_for_every_reader(tmp_path: Path) -> None:
    state = {"z.weight": randn(2, 3), "a.bias": randn(3), "n": tensor(5)}
    save(state, tmp_path / "m")
    found = safetensors.numpy.load_file(tmp_path / "m")
    assert found.keys() == state.keys()
    for key, value in state.items():
        np.testing.assert_array_equal(found[key], value.array)
    with safetensors.safe_open(tmp_path / "m", framework="numpy") as file:
        assert file.metadata()["format"] == "pt"
    assert list(load(tmp_path / "m")) == list(state)  # in the model's order, too


def test_nested_tensors_have_their_path_as_name(tmp_path: Path) -> None:
    save({"model": {"0.weight": ones(2)}, "state": [ones(1)]}, tmp_path / "m")
    assert safetensors.numpy.load_file(tmp_path / "m").keys() == {"model.0.weight", "state.0"}


@pytest.mark.parametrize("metadata", [None, {"format": "pt", "by": "someone"}])
def test_a_foreign_file(tmp_path: Path, metadata: Any) -> None:
    arrays = {"w": np.arange(6, dtype="float16").reshape(2, 3), "i": np.array(7)}
    safetensors.numpy.save_file(arrays, tmp_path / "f", metadata)
    found = load(tmp_path / "f")
    assert set(found) == {"w", "i"} and found["i"].item() == 7
    np.testing.assert_array_equal(found["w"].array, arrays["w"])


def test_bfloat16_becomes_float32() -> None:
    values = np.array([1.0, -2.5, 3.140625, np.inf, 2.0**-130], "float32")
    halves = (values.view("uint32") >> 16).astype("<u2")
    for shape, data in (((5,), halves), ((), halves[2:3]), ((5, 1), halves)):
        content = raw({"x": entry("BF16", shape, 0, data.nbytes)}, data.tobytes())
        found = load(io.BytesIO(content))["x"]
        assert found.dtype == np.float32 and found.shape == shape
        expected = values if data.size == 5 else values[2:3]
        np.testing.assert_array_equal(found.array.reshape(-1), expected)


def test_bools_of_any_byte() -> None:
    content = raw({"x": entry("BOOL", (3,), 0, 3)}, b"\x00\x02\x01")
    assert load(io.BytesIO(content))["x"].tolist() == [False, True, True]


# ---- files that are not what they should be ------------------------------------------------------


def raw(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype: Any, shape: Any, begin: Any, end: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


F4 = entry("F32", (1,), 0, 4)
LIES = {
    "empty": b"",
    "short": b"\x01\x00\x00",
    "header length beyond the file": struct.pack("<Q", 50) + b"{}",
    "huge header": struct.pack("<Q", 2**63) + b"{}",
    "no json": raw(b"not json"),
    "not utf-8": raw(b'{"\xff": 1}'),
    "a list": raw([]),
    "endless nesting": raw(b'{"a":' * 100_000),
    "a name twice": raw(
        b'{"x":' + json.dumps(F4).encode() + b',"x":' + json.dumps(F4).encode() + b"}"
    ),
    "no entry": raw({"x": 3}),
    "no dtype": raw({"x": {"shape": [1], "data_offsets": [0, 4]}}, b"abcd"),
    "unknown dtype": raw({"x": entry("F8_E4M3", (4,), 0, 4)}, b"abcd"),
    "dtype is a list": raw({"x": entry(["F32"], (1,), 0, 4)}, b"abcd"),
    "negative shape": raw({"x": entry("F32", (-1,), 0, 4)}, b"abcd"),
    "fractional shape": raw({"x": entry("F32", (1.0,), 0, 4)}, b"abcd"),
    "shape of bools": raw({"x": entry("F32", (True,), 0, 4)}, b"abcd"),
    "shape is text": raw({"x": {"dtype": "F32", "shape": "1", "data_offsets": [0, 4]}}, b"abcd"),
    "size lies": raw({"x": entry("F32", (2,), 0, 4)}, b"abcd"),
    "size overflows": raw({"x": entry("F32", (2**40, 2**40), 0, 4)}, b"abcd"),
    "offsets backwards": raw({"x": entry("F32", (1,), 4, 0)}, b"abcd"),
    "one offset": raw({"x": {"dtype": "F32", "shape": [1], "data_offsets": [4]}}, b"abcd"),
    "beyond the end": raw({"x": entry("F32", (2,), 0, 8)}, b"abcd"),
    "enormous": raw({"x": entry("F32", (2**50,), 0, 2**52)}, b"abcd"),
    "overlap": raw({"x": F4, "y": F4}, b"abcd"),
    "partial overlap": raw({"x": entry("U8", (4,), 0, 4), "y": entry("U8", (4,), 2, 6)}, b"abcdef"),
    "gap": raw({"x": F4, "y": entry("F32", (1,), 8, 12)}, b"abcdefghijkl"),
    "a remainder": raw({"x": F4}, b"abcdefgh"),
    "too many dims": raw({"x": entry("U8", (1,) * 65, 0, 1)}, b"a"),
    "metadata is a list": raw({"__metadata__": []}),
    "metadata is no text": raw({"__metadata__": {"a": 1}}),
    "structure is no json": raw({"__metadata__": {"tinytorch": "{"}}),
    "structure names no tensor": raw({"__metadata__": {"tinytorch": '{"tensor": "x"}'}}),
    "structure of unknown kind": raw({"__metadata__": {"tinytorch": '{"eval": "1"}'}}),
    "structure with two kinds": raw({"__metadata__": {"tinytorch": '{"a": 1, "b": 2}'}}),
    "structure with a list as key": raw({"__metadata__": {"tinytorch": '{"dict": [[[1], 2]]}'}}),
    "structure without end": raw({"__metadata__": {"tinytorch": "[" * 100_000}}),
    "a pickle": b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00}.",
    "a zip": b"PK\x03\x04" + b"\x00" * 60,
    "a picture": b"\x89PNG\r\n\x1a\n" + b"\x00" * 60,
}


@pytest.mark.parametrize("content", LIES.values(), ids=LIES)
def test_a_file_that_lies(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "liar.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"liar\.safetensors: expected.*got(.|\n)*help"):
        load(path)
    with pytest.raises(ValueError, match="expected"):
        load(io.BytesIO(content))


def test_a_pickle_is_recognised() -> None:
    for name in ("a pickle", "a zip"):
        with pytest.raises(ValueError, match="never loaded"):
            load(io.BytesIO(LIES[name]))


def test_a_header_length_that_begins_like_a_pickle() -> None:
    for length in (0x0280, 0x0480):
        header = json.dumps({"x": F4}).encode().ljust(length)
        assert load(io.BytesIO(raw(header, b"\x00" * 4)))["x"].tolist() == [0]


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    save({"a": ones(3), "b": {"c": 1.5}}, tmp_path / "f")
    content = (tmp_path / "f").read_bytes()
    for length in range(len(content)):
        with pytest.raises(ValueError, match="expected"):
            load(io.BytesIO(content[:length]))


def test_any_changed_byte_of_the_header_raises_no_other_error(tmp_path: Path) -> None:
    save({"a": ones(3), "b": {"c": 1.5, 2: [None]}}, tmp_path / "f")
    content = (tmp_path / "f").read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(2000):
        damaged = bytearray(content)
        damaged[rng.integers(len(content))] = rng.integers(256)
        with contextlib.suppress(ValueError):
            load(io.BytesIO(bytes(damaged)))


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing")
    with pytest.raises(OSError):
        load(tmp_path)
    with pytest.raises(OSError, match="nowhere"):
        save(ones(1), tmp_path / "nowhere" / "x")


def test_text_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match='"wb"'):
        save(ones(1), io.StringIO())
    with pytest.raises(TypeError, match='"rb"'):
        load(io.StringIO("{}"))


# ---- what cannot be saved ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "obj, place",
    [
        ({"a": [1, {2: object()}]}, r"obj\[\'a\'\]\[1\]\[2\] is a object"),
        ([np.zeros(2)], r"obj\[0\] is a ndarray.*from_numpy"),
        ({"x": np.int64(3)}, r"item\(\)"),
        ({"f": len}, r"obj\['f'\]"),
        ({"s": {1}}, "set"),
        ({"b": b"bytes"}, "bytes"),
        ({"c": 1j}, "complex"),
        ({"k": {ones(1): 1}}, "has the key"),
        ({"k": {(1, ones(1)): 1}}, "has the key"),
        ({"k": {b"x": 1}}, "has the key"),
    ],
)
def test_what_cannot_be_held_is_named(obj: Any, place: str, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=place):
        save(obj, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []


def test_an_optimizer_instead_of_its_state() -> None:
    from tt_nn.optim import SGD

    with pytest.raises(TypeError, match=r"state_dict\(\)"):
        save({"optimizer": SGD([ones(1, requires_grad=True)])}, io.BytesIO())


def test_an_object_inside_itself() -> None:
    loop: list[Any] = []
    loop.append({"again": loop})
    with pytest.raises(ValueError, match="contains itself"):
        save(loop, io.BytesIO())
    twice = [1]
    assert through([twice, twice]) == [[1], [1]]


# ---- never half written --------------------------------------------------------------------------


def full_disk(*_: Any) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("where", ["os.replace", "os.fsync", "safetensors.numpy.save_file"])
def test_a_failure_leaves_the_old_file_whole(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model"
    save({"old": ones(3)}, path)
    before = path.read_bytes()
    monkeypatch.setattr(where, full_disk)
    with pytest.raises(OSError, match="No space"):
        save({"new": ones(5)}, path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_the_writers_own_errors_are_oserrors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise safetensors.SafetensorError("I/O error: disk full")

    save(ones(1), tmp_path / "x")
    monkeypatch.setattr(safetensors.numpy, "save_file", fail)
    with pytest.raises(OSError, match=r"disk full.*untouched"):
        save(ones(2), tmp_path / "x")
    assert load(tmp_path / "x").shape == (1,)


def test_overwriting_what_is_being_read(tmp_path: Path) -> None:
    save({"x": ones(4)}, tmp_path / "x")
    found = load(tmp_path / "x")
    save({"x": found["x"] * 2}, tmp_path / "x")
    assert found["x"].tolist() == [1] * 4 and load(tmp_path / "x")["x"].tolist() == [2] * 4


@pytest.mark.skipif(os.name == "nt", reason="permissions and links as on Unix")
def test_permissions_and_links_are_as_for_any_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    save(ones(1), tmp_path / "saved")
    assert (tmp_path / "saved").stat().st_mode == (tmp_path / "plain").stat().st_mode
    (tmp_path / "link").symlink_to(tmp_path / "saved")
    save(ones(2), tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and load(tmp_path / "saved").shape == (2,)


def test_equal_objects_give_equal_bytes(tmp_path: Path) -> None:
    """The library shuffles the metadata's entries anew each time."""
    model = {"weight": tensor([1.0, 2.0]), "names": ["Zoë", 'a "b" \\ \n \x01 \x7f', "日本"]}
    contents = set()
    for number in range(20):
        save(model, tmp_path / str(number))
        contents.add((tmp_path / str(number)).read_bytes())
        save(model, file := io.BytesIO())
        contents.add(file.getvalue())
    assert len(contents) == 1
    assert load(tmp_path / "0")["names"] == model["names"]


def test_paths_may_be_text_or_bytes_or_open_files(tmp_path: Path) -> None:
    save(ones(1), str(tmp_path / "a"))
    assert load(str(tmp_path / "a")).shape == (1,)
    with open(tmp_path / "b", "wb") as file:
        save(ones(2), file)
    with open(tmp_path / "b", "rb") as file:
        assert load(file, map_location="cpu", weights_only=True).shape == (2,)
