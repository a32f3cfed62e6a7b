"""IDX files, right ones and all kinds of wrong ones."""

import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tt_data.datasets.idx import parse_idx


def idx(*shape: int, content: bytes | None = None, kind: int = 8) -> bytes:
    body = bytes(int(np.prod(shape))) if content is None else content
    return bytes([0, 0, kind, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + body


@given(st.integers(1, 3), st.data())
def test_what_was_written_is_read(dims: int, data: st.DataObject) -> None:
    shape = data.draw(st.tuples(*[st.integers(1, 5)] * dims))
    content = np.arange(np.prod(shape), dtype=np.uint8)
    array = parse_idx(idx(*shape, content=content.tobytes()), dims, "file")
    assert (array.shape, array.dtype) == (shape, np.uint8)
    assert np.array_equal(array.ravel(), content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with 00 00 08; got 0 bytes that begin with nothing"),
        (b"\0\0\x08", "got 3 bytes"),
        (b"<html>Log in first</html>", "got 25 bytes that begin with 3c 68 74 6d"),
        (idx(2, 3, 3, kind=13), "got 34 bytes that begin with 00 00 0d 03"),
        (idx(5), r"expected images of 3 dims, got 1 dims \(labels\)\. Are files swapped\?"),
        (idx(2, 3, 3, 1), r"got 4 dims \(neither images nor labels\)"),
        (idx(2, 3, 3)[:15], "expected a header of 16 bytes, got 15 bytes in all"),
        (idx(2, 3, 3)[:-1], "claims 2 x 3 x 3 = 18 bytes, but 17 follow"),
        (idx(2, 3, 3) + b"x", "but 19 follow"),
        (idx(0, 28, 28), "expected something in it, got 0 x 28 x 28"),
    ],
)
def test_what_is_no_file_of_images(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=f"there: .*{message}"):
        parse_idx(content, 3, "there")


def test_labels_expected_images_found() -> None:
    with pytest.raises(ValueError, match="expected labels of 1 dims, got 3 dims"):
        parse_idx(idx(2, 3, 3), 1, "there")


@pytest.mark.parametrize("shape", [(4_000_000_000, 28, 28), (1_000_000, 1000, 1000)])
def test_a_gigantic_claim_allocates_nothing(shape: tuple[int, ...]) -> None:
    content = idx(*shape, content=bytes(16))
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"claims .* bytes, but 16 follow"):
        parse_idx(content, 3, "there")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000  # bytes


@given(st.binary(max_size=64), st.integers(1, 3))
def test_any_bytes_are_an_array_or_a_value_error(content: bytes, dims: int) -> None:
    try:
        array = parse_idx(content, dims, "there")
    except ValueError:
        return
    assert array.nbytes == len(content) - 4 - 4 * dims
