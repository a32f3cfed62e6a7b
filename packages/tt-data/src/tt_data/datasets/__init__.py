"""Datasets ready to use. Digits and TinyTalks come with the package; the others are downloaded."""

from .dialogues import TinyTalks, tinytalks
from .optdigits import Digits, digits
from .shakespeare import TinyShakespeare

__all__ = ["Digits", "TinyShakespeare", "TinyTalks", "digits", "tinytalks"]
