"""Transforms against PyTorch's own operations, of which torchvision's are made."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tt_data import transforms as T
from tt_data.transforms.rotation import rotated
from tt_tensor import from_numpy

torch = pytest.importorskip("torch")
F = torch.nn.functional

RNG = np.random.default_rng(0)


def images(*shape: int) -> np.ndarray:
    return RNG.random(shape, dtype=np.float32)


def torch_rotated(
    x: np.ndarray, angle: float, mode: str, center: tuple[float, float] | None = None
) -> np.ndarray:
    """What affine_grid and grid_sample make of it; they count from -1 to 1 across the image."""
    _, _, H, W = x.shape
    cx, cy = (0.0, 0.0) if center is None else (center[0] - W / 2, center[1] - H / 2)
    a = np.deg2rad(angle)
    cos, sin = np.cos(a), np.sin(a)
    rows = [
        [cos, -sin * H / W, (cx - cos * cx + sin * cy) * 2 / W],
        [sin * W / H, cos, (cy - sin * cx - cos * cy) * 2 / H],
    ]
    theta = torch.tensor([rows], dtype=torch.float64).expand(len(x), 2, 3)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    done = F.grid_sample(torch.from_numpy(x).double(), grid, mode=mode, align_corners=False)
    return done.numpy()


@settings(max_examples=200, deadline=None)
@given(
    st.floats(-180, 180).filter(lambda a: 1e-3 < a % 15 < 15 - 1e-3),  # no ties between pixels
    st.integers(1, 9),
    st.integers(1, 9),
    st.none() | st.tuples(st.floats(0, 8), st.floats(0, 8)),
)
def test_rotation(angle: float, H: int, W: int, center: tuple[float, float] | None) -> None:
    x = images(2, 3, H, W)
    ours = rotated(x, np.array([angle, angle]), "bilinear", center)
    assert np.allclose(ours, torch_rotated(x, angle, "bilinear", center), atol=1e-5)
    ours = rotated(x, np.array([angle, angle]), "nearest", center)
    assert np.allclose(ours, torch_rotated(x, angle, "nearest", center), atol=1e-6)


@settings(deadline=None)
@given(st.integers(2, 40), st.integers(2, 40), st.integers(2, 40), st.integers(2, 40))
def test_resize(H: int, W: int, height: int, width: int) -> None:
    """From two pixels on: of images one pixel wide, PyTorch 2.13 makes a single colour."""
    x = images(2, 3, H, W)
    ours = T.Resize((height, width))(from_numpy(x)).numpy()
    theirs = F.interpolate(
        torch.from_numpy(x), (height, width), mode="bilinear", antialias=True, align_corners=False
    )
    assert np.allclose(ours, theirs.numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("ours", "theirs"), [("constant", "constant"), ("edge", "replicate"), ("reflect", "reflect")]
)
def test_pad(ours: str, theirs: str) -> None:
    x = images(2, 3, 5, 6)
    left, top, right, bottom = 1, 2, 3, 4
    done = T.Pad((left, top, right, bottom), padding_mode=ours)(from_numpy(x)).numpy()
    expected = F.pad(torch.from_numpy(x), (left, right, top, bottom), mode=theirs)
    assert np.array_equal(done, expected.numpy())


def test_to_tensor_and_normalize() -> None:
    picture = RNG.integers(0, 256, (6, 5, 3), np.uint8)
    mean, std = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
    ours = T.Compose([T.ToTensor(), T.Normalize(mean, std)])(picture).numpy()
    theirs = torch.from_numpy(picture).permute(2, 0, 1).to(torch.float32).div(255)
    columns = [torch.tensor(v).view(-1, 1, 1) for v in (mean, std)]
    theirs = theirs.sub_(columns[0]).div_(columns[1])
    assert np.array_equal(ours, theirs.numpy())
