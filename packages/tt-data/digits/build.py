"""Make digits.npz from scikit-learn's copy of the digits:  python digits/build.py [--check]

`--check` compares the file that is there with what would be written. Needs scikit-learn, which
nothing else here does.
"""

import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

DATASETS = Path(__file__).resolve().parents[1] / "src" / "tt_data" / "datasets"
FILE = DATASETS / "digits.npz"
TEST_IMAGES_OF_A_DIGIT = 36


def test_places(labels: np.ndarray) -> np.ndarray:
    """Which images are for testing: see the docstring of tt_data.datasets.Digits."""
    places: list[int] = []
    for digit in range(10):
        of_digit = np.flatnonzero(labels == digit).tolist()
        of_digit.sort(key=lambda place: sha256(f"tinytorch digits {place}".encode()).digest())
        places += of_digit[:TEST_IMAGES_OF_A_DIGIT]
    return np.array(sorted(places), np.int64)


def build() -> dict[str, np.ndarray]:
    """All images in their original order, and which of them are for testing."""
    source = load_digits()
    images, labels = source.images.astype(np.uint8), source.target.astype(np.int64)
    assert (images == source.images).all(), "the pixels are whole numbers"
    return {"images": images, "labels": labels, "test": test_places(labels)}


if __name__ == "__main__":
    arrays = build()
    if "--check" in sys.argv[1:]:
        with np.load(FILE, allow_pickle=False) as shipped:
            same = set(shipped) == set(arrays) and all(
                shipped[name].dtype == array.dtype and np.array_equal(shipped[name], array)
                for name, array in arrays.items()
            )
        sys.exit(None if same else f"{FILE} differs from what {Path(__file__).name} makes")
    np.savez_compressed(FILE, **arrays)
    print(f"{FILE}: {FILE.stat().st_size:,} bytes, sha256 {sha256(FILE.read_bytes()).hexdigest()}")
