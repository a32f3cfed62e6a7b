"""A PNG file of pictures with captions, written byte by byte: it needs nothing but NumPy and zlib.

Letters are drawn on a grid of 3 x 5 squares. Each row of a letter is an octal digit, whose three
bits are its squares: L is 4, 4, 4, 4, 7.
"""

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tt_tensor import Tensor

Pixels = npt.NDArray[np.uint8]  # (H, W, 3)

GLYPHS = {
    "A": 0o25755, "B": 0o65656, "C": 0o34443, "D": 0o65556, "E": 0o74647, "F": 0o74644,
    "G": 0o34553, "H": 0o55755, "I": 0o72227, "J": 0o11152, "K": 0o55655, "L": 0o44447,
    "M": 0o57755, "N": 0o65555, "O": 0o25552, "P": 0o65644, "Q": 0o25563, "R": 0o65655,
    "S": 0o34216, "T": 0o72222, "U": 0o55557, "V": 0o55552, "W": 0o55775, "X": 0o55255,
    "Y": 0o55222, "Z": 0o71247, "0": 0o75557, "1": 0o26227, "2": 0o61247, "3": 0o61216,
    "4": 0o55711, "5": 0o74616, "6": 0o34757, "7": 0o71122, "8": 0o75757, "9": 0o75716,
    "-": 0o00700, "/": 0o11244, ",": 0o00024, " ": 0,
}  # fmt: skip
BACKGROUND, LETTERS = 32, 224
MARGIN = 12
SQUARE = 2  # pixels of a letter's square


def write_png(path: Path, pixels: Pixels) -> None:
    """Write red, green and blue pixels, (H, W, 3).

    Source: W3C, Portable Network Graphics Specification, §5 and §9.
    """
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # each row begins with its filter: 0, none
    rows[:, 1:] = pixels.reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 2: eight bits for each of RGB
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks))


def _chunk(kind: bytes, data: bytes) -> bytes:
    """Length, kind, data and the checksum of kind and data."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def sheet(images: Tensor, captions: Sequence[str], columns: int = 6) -> Pixels:
    """The images, enlarged, in rows, each above its caption.

    Shape: images (N, 1 or 3, H, W) from 0 to 1 -> (height, width, 3)
    """
    tiles = [_tile(image, caption) for image, caption in zip(images, captions, strict=True)]
    high, wide = (MARGIN + max(tile.shape[axis] for tile in tiles) for axis in (0, 1))
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    out = np.full((MARGIN + rows * high, MARGIN + columns * wide, 3), BACKGROUND, np.uint8)
    for number, tile in enumerate(tiles):
        top = MARGIN + number // columns * high
        left = MARGIN + number % columns * wide
        out[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return out


def _tile(image: Tensor, caption: str) -> Pixels:
    """One image, about 128 pixels high, above its caption."""
    pixels = np.round(255 * np.clip(image.numpy(), 0, 1)).astype(np.uint8).transpose(1, 2, 0)
    pixels = np.repeat(pixels, 3, 2) if pixels.shape[2] == 1 else pixels
    picture, words = _enlarged(pixels, max(1, 128 // len(pixels))), lettering(caption)
    width = max(picture.shape[1], words.shape[1])
    tile = np.full((len(picture) + 6 + len(words), width, 3), BACKGROUND, np.uint8)
    tile[: len(picture), : picture.shape[1]] = picture
    tile[len(picture) + 6 :, : words.shape[1]] = words
    return tile


def lettering(text: str) -> Pixels:
    """Lines of text in capitals; a character that has no glyph is a blank.

    Shape: -> (14 a line, 8 a character, 3)
    """
    lines = text.upper().split("\n")
    squares = np.zeros((7 * len(lines), 4 * max(map(len, lines))), bool)
    for row, line in enumerate(lines):
        for column, character in enumerate(line):
            bits = f"{GLYPHS.get(character, 0):015b}"
            glyph = np.array([bit == "1" for bit in bits]).reshape(5, 3)
            squares[7 * row : 7 * row + 5, 4 * column : 4 * column + 3] = glyph
    pixels = np.where(squares, LETTERS, BACKGROUND).astype(np.uint8)
    return _enlarged(np.repeat(pixels[:, :, None], 3, 2), SQUARE)


def _enlarged(pixels: Pixels, times: int) -> Pixels:
    return pixels.repeat(times, 0).repeat(times, 1)
