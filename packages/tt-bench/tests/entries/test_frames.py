"""Frames: what is sent arrives, and nothing is believed."""

import io
import json

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tt_bench.entries.frames import (
    MOST_BYTES,
    QUERY,
    decode_value,
    encode_value,
    read_frame,
    write_frame,
)


@given(st.text())
def test_texts_arrive(text: str) -> None:
    if text.encode(errors="replace").decode() == text:  # no lone surrogates
        assert decode_value(encode_value(text)) == text


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.int8).reshape(2, 3),
        np.array(2.5),
        np.zeros((0, 4), np.float32),
        np.array([True, False]),
        np.arange(6, dtype=">i4")[::2],
    ],
)
def test_arrays_arrive(array) -> None:
    arrived = decode_value(encode_value(array))
    np.testing.assert_array_equal(arrived, array)
    assert arrived.shape == array.shape
    assert arrived.dtype == array.dtype.newbyteorder("<")


@pytest.mark.parametrize("value", [None, object(), np.array([{}]), [b"x"]])
def test_other_values_are_refused(value: object) -> None:
    with pytest.raises(TypeError, match="a text or an array of numbers"):
        encode_value(value)


def frame_of(dtype: str, shape: list[int], data: bytes) -> bytes:
    head = json.dumps([dtype, shape]).encode()
    return b"a" + len(head).to_bytes(2, "little") + head + data


@pytest.mark.parametrize(
    ("dtype", "shape", "data"),
    [
        ("<f4", [1 << 40], b"1234"),
        ("<f4", [-1, -1], b"1234"),
        ("<f4", [2], b"1234"),
        ("|O", [1], b"12345678"),
        ("<f4", [-1], b"1234"),
    ],
)
def test_headers_that_lie(dtype: str, shape: list[int], data: bytes) -> None:
    with pytest.raises(ValueError, match="needs"):
        decode_value(frame_of(dtype, shape, data))


def test_frames_one_after_another() -> None:
    pipe = io.BytesIO()
    write_frame(pipe, QUERY, b"one")
    write_frame(pipe, QUERY)
    pipe.seek(0)
    assert read_frame(pipe) == (QUERY, b"one")
    assert read_frame(pipe) == (QUERY, b"")
    assert read_frame(pipe) is None


def test_a_frame_that_breaks_off_and_one_that_is_too_long() -> None:
    whole = io.BytesIO()
    write_frame(whole, QUERY, b"12345")
    assert read_frame(io.BytesIO(whole.getvalue()[:-1])) is None
    lie = QUERY + (MOST_BYTES + 1).to_bytes(8, "little")
    with pytest.raises(ValueError, match="at most 67,108,864"):
        read_frame(io.BytesIO(lie))
