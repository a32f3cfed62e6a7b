"""tt_data: datasets and the DataLoader, with PyTorch's names. It knows nothing of networks."""

from . import datasets, transforms
from .collate import default_collate, default_convert
from .concat import ConcatDataset
from .dataset import Dataset, IterableDataset
from .loader import DataLoader
from .randomness import current_generator, using_generator
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler
from .subset import Subset, random_split
from .tensor_dataset import TensorDataset

__version__ = "0.1.0+tt"

__all__ = [
    "BatchSampler",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "IterableDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "Subset",
    "TensorDataset",
    "current_generator",
    "datasets",
    "default_collate",
    "default_convert",
    "random_split",
    "transforms",
    "using_generator",
]
