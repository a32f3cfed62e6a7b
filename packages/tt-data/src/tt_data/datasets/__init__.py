"""Datasets ready to use. Digits and TinyTalks come with the package; the others are downloaded."""

from .cifar import CIFAR10
from .dialogues import TinyTalks, tinytalks
from .images import ImageDataset
from .mnist import MNIST, FashionMNIST
from .optdigits import Digits, digits
from .shakespeare import TinyShakespeare

__all__ = [
    "CIFAR10",
    "MNIST",
    "Digits",
    "FashionMNIST",
    "ImageDataset",
    "TinyShakespeare",
    "TinyTalks",
    "digits",
    "tinytalks",
]
