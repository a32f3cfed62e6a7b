"""The byte-level BPE tokenizer: text to ids and back."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Self

from .bpe_train import count_words, learn_merges
from .bpe_word import LongWord, encode_with_heap, encode_word
from .gpt2_files import (
    BYTES,
    Pair,
    check_merge,
    format_merges,
    format_vocab,
    parse_vocab,
    read_merges,
    write_merges,
)
from .json_files import StrPath, read_json, write_json
from .pattern import special_pattern
from .stream import split_stream
from .tokenizer_json import format_tokenizer_json, read_tokenizer_json
from .vocabulary import invert, look_up
from .word_cache import Ids, WordCache

SHORT_WORD = 48  # characters; from here on encode_with_heap is faster than encode_word


class BPETokenizer:
    """Byte-level byte-pair encoding, as in GPT-2: any text has ids, and they give it back.

    Text is cut at special tokens and into words by GPT-2's pattern; each word starts as its UTF-8
    bytes, and neighbours are merged in the order the merges were learned.

    Args:
        vocab: the bytes of each id.
        merges: pairs of tokens, the first learned first; what a pair makes must be in `vocab`.
        special_tokens: texts that are always one token, whatever is around them. One that is not
            in `vocab` gets the next free id.

    >>> tokenizer = BPETokenizer.train("low low lower lowest", 260, special_tokens=["<end>"])
    >>> tokenizer.merges
    [(b'o', b'w'), (b'l', b'ow'), (b' ', b'low')]
    >>> tokenizer.encode("low lower<end>")
    [258, 259, 102, 115, 0]
    >>> tokenizer.decode([258, 259, 102, 115, 0])
    'low lower<end>'

    Source: Sennrich et al. 2016; Radford et al. 2019, §2.2.
    """

    vocab: dict[int, bytes]
    merges: list[Pair]
    special_tokens: dict[str, int]

    def __init__(
        self,
        vocab: Mapping[int, bytes],
        merges: Iterable[Pair],
        special_tokens: Iterable[str] | None = None,
    ) -> None:
        self.vocab, self.merges = dict(vocab), list(merges)
        for index, token in self.vocab.items():
            if not isinstance(token, bytes):
                raise TypeError(f"vocab needs the bytes of each id; got {index!r}: {token!r}")
        self._ids = invert(self.vocab)
        for number, pair in enumerate(self.merges):
            check_merge(pair, self._ids, f"merges[{number}]")
        self.special_tokens = {text: self._special_id(text) for text in as_texts(special_tokens)}
        self._special = special_pattern(self.special_tokens)
        ids = self._ids
        self._byte_ids = {byte: ids[token] for byte, token in enumerate(BYTES) if token in ids}
        self._ranks = {(ids[a], ids[b]): rank for rank, (a, b) in enumerate(self.merges)}
        self._made = [ids[a + b] for a, b in self.merges]
        self._sizes = {made: len(self.vocab[made]) for made in self._made}
        self._cache = WordCache(self._encode_word)

    def _special_id(self, text: str) -> int:
        token = text.encode()
        if token not in self._ids:
            self._ids[token] = max(self.vocab, default=-1) + 1
            self.vocab[self._ids[token]] = token
        return self._ids[token]

    @classmethod
    def train(
        cls, text: str | Iterable[str], vocab_size: int, special_tokens: Iterable[str] = ()
    ) -> Self:
        """Learn merges from text until the vocabulary has `vocab_size` tokens.

        The ids are the special tokens, then the 256 bytes, then the merges in the order learned.
        A text too short for so many merges gives a smaller vocabulary.

        Args:
            text: a string, or the chunks of one, such as an open file. Separate documents need a
                special token between them: no merge crosses it.

        Raises:
            ValueError: no room for the special tokens and the bytes.
        """
        specials = as_texts(special_tokens)
        least = len(BYTES) + len(specials)
        if vocab_size < least:
            raise ValueError(
                f"vocab_size must be at least {least} (256 bytes, {len(specials)} special tokens); "
                f"got {vocab_size}. Each further token is one merge to learn."
            )
        words = count_words([text] if isinstance(text, str) else text, specials)
        merges = learn_merges(words, vocab_size - least)
        first = [special.encode() for special in specials]
        tokens = [*first, *BYTES, *(left + right for left, right in merges)]
        return cls(dict(enumerate(tokens)), merges, specials)

    @classmethod
    def from_files(
        cls, vocab: StrPath, merges: StrPath, special_tokens: Iterable[str] | None = None
    ) -> Self:
        """Read GPT-2's `vocab.json` and `merges.txt`, which do not say what is a special token.

        Raises:
            ValueError: a merge does not fit the vocabulary; the message names its line.
        """
        specials = as_texts(special_tokens)
        tokens = parse_vocab(read_json(vocab), specials)
        return cls(tokens, read_merges(merges, set(tokens.values())), specials)

    @classmethod
    def from_file(cls, path: StrPath) -> Self:
        """Read a `tokenizer.json` of a byte-level tokenizer with GPT-2's pattern.

        Raises:
            ValueError: a model, normalizer, pre-tokenizer or option that would give other ids.
        """
        return cls(*read_tokenizer_json(path))

    def save(self, folder: StrPath) -> None:
        """Write vocab.json, merges.txt and tokenizer.json, as Hugging Face's tokenizers read."""
        texts = format_vocab(self.vocab, self.special_tokens)
        lines = format_merges(self.merges, texts)
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        write_json(target / "vocab.json", texts)
        write_merges(target / "merges.txt", lines)
        data = format_tokenizer_json(texts, lines, self.special_tokens)
        write_json(target / "tokenizer.json", data)

    @property
    def vocab_size(self) -> int:
        """The number of tokens, special tokens included."""
        return len(self.vocab)

    def encode(self, text: str) -> list[int]:
        """The ids of a text; decoded, they give the text back."""
        return list(chain.from_iterable(self._encode_stream([text])))

    def encode_batch(self, texts: Iterable[str]) -> list[list[int]]:
        """The ids of each text."""
        return [self.encode(text) for text in texts]

    def encode_iterable(self, chunks: Iterable[str]) -> Iterator[int]:
        """The ids of the joined chunks, one by one, in constant memory.

        The chunks may end anywhere: inside a word, a special token or white space. An open file is
        read in blocks, however long its lines are. Ids come in bursts, for thousands of characters
        at a time.
        """
        return chain.from_iterable(self._encode_stream(chunks))

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids. Bytes that are not valid UTF-8 become U+FFFD.

        Raises:
            IndexError: an id is not in the vocabulary.
        """
        return b"".join(look_up(self.vocab, ids)).decode("utf-8", errors="replace")

    def forget_words(self) -> None:
        """Empty the memory of words that were encoded before, some megabytes at most.

        Ids stay the same; until the words have come again, encoding takes two to four times as
        long.
        """
        self._cache.clear()

    def _encode_stream(self, chunks: Iterable[str]) -> Iterator[Iterable[int]]:
        longest = max(map(len, self.special_tokens), default=0)
        word: LongWord | None = None
        for split in split_stream(chunks, self._special, longest):
            if split.fragment:
                word = word or LongWord(self._ranks, self._made, self._sizes)
                yield word.feed(self._to_bytes(split.fragment))
                if split.ended:
                    yield word.finish()
            yield chain.from_iterable(map(self._cache.__getitem__, split.words))
            if split.special:
                yield (self.special_tokens[split.special],)

    def _encode_word(self, word: str) -> Ids:
        encode = encode_word if len(word) <= SHORT_WORD else encode_with_heap
        return tuple(encode(self._to_bytes(word), self._ranks, self._made))

    def _to_bytes(self, text: str) -> list[int]:
        try:
            return list(map(self._byte_ids.__getitem__, text.encode()))
        except KeyError as error:
            raise ValueError(
                f"the byte {error.args[0]:#04x} is not in this vocabulary of {self.vocab_size} "
                "tokens. A vocabulary with all 256 bytes can encode any text."
            ) from None

    def __repr__(self) -> str:
        specials = list(self.special_tokens)
        return f"BPETokenizer(vocab_size={self.vocab_size}, special_tokens={specials})"


def as_texts(special_tokens: Iterable[str] | None) -> list[str]:
    """The special tokens as a list, each a text of its own.

    >>> as_texts(None), as_texts(("<end>",))
    ([], ['<end>'])
    """
    if isinstance(special_tokens, str):
        raise TypeError(f"special_tokens needs several texts; did you mean [{special_tokens!r}]?")
    texts = list(special_tokens or ())
    if "" in texts or len(set(texts)) < len(texts):
        raise ValueError(f"special tokens must be different and not empty; got {texts}")
    return texts
