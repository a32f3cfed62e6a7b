"""Tokenizers trained from scratch, and the embeddings that follow them."""

from .bpe import BPETokenizer
from .char import CharTokenizer
from .dataset import TextDataset
from .positions import LearnedPositionalEmbedding, SinusoidalPositionalEncoding, sinusoids

__all__ = [
    "BPETokenizer",
    "CharTokenizer",
    "LearnedPositionalEmbedding",
    "SinusoidalPositionalEncoding",
    "TextDataset",
    "sinusoids",
]

__version__ = "0.1.0+tt"
