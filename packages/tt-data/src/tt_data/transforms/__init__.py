"""Transforms of images, with torchvision's names: put into shape, normalise, augment.

A transform takes a tensor (C, H, W), or an array (H, W) or (H, W, C). Given a batch, a tensor
(B, C, H, W), it draws for each image by itself, where torchvision would treat all alike; a
DataLoader uses that to augment whole batches at once. Random numbers come from
`current_generator()`.
"""

from ..randomness import current_generator, using_generator
from .compose import Compose, Lambda
from .crop import CenterCrop, Pad, RandomCrop
from .flip import RandomHorizontalFlip, RandomVerticalFlip
from .image import ImageTransform
from .resize import Resize
from .rotation import InterpolationMode, RandomRotation
from .values import Normalize, ToTensor

__all__ = [
    "CenterCrop",
    "Compose",
    "ImageTransform",
    "InterpolationMode",
    "Lambda",
    "Normalize",
    "Pad",
    "RandomCrop",
    "RandomHorizontalFlip",
    "RandomRotation",
    "RandomVerticalFlip",
    "Resize",
    "ToTensor",
    "current_generator",
    "using_generator",
]
