"""Byte-pair encoding of one word: merge neighbours, the earliest learned pair first."""

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import accumulate, pairwise, repeat
from sys import maxsize
from typing import TypeAlias

IdPair: TypeAlias = tuple[int, int]

NO_RANK = maxsize


def encode_word(ids: Sequence[int], ranks: Mapping[IdPair, int], made: Sequence[int]) -> list[int]:
    """Merge the tokens of a word until none of its pairs has a rank.

    Each step merges the neighbours whose pair has the lowest rank; of several such places, the
    leftmost.

    Args:
        ids: the tokens to start with, which are the word's bytes.
        ranks: the place of each pair in the list of merges, the first learned first.
        made: by rank, the token that the pair makes.

    >>> l, o, w, e, r, lo, er, low = range(8)
    >>> encode_word([l, o, w, e, r], {(l, o): 0, (e, r): 1, (lo, w): 2}, [lo, er, low])
    [7, 6]

    Source: Sennrich et al. 2016, §3.2.
    """
    tokens = list(ids)
    rank = ranks.get
    # The rank of each pair, kept up to date beside the tokens: asking again for every pair after
    # every merge takes twice as long (109 against 53 ms for 14,000 words of Shakespeare).
    pairs = list(map(rank, pairwise(tokens), repeat(NO_RANK)))
    while pairs and (best := min(pairs)) < NO_RANK:
        i = pairs.index(best)
        tokens[i] = made[best]
        del tokens[i + 1], pairs[i]
        if i:
            pairs[i - 1] = rank((tokens[i - 1], tokens[i]), NO_RANK)
        if i < len(pairs):
            pairs[i] = rank((tokens[i], tokens[i + 1]), NO_RANK)
    return tokens


def encode_with_heap(
    ids: Sequence[int], ranks: Mapping[IdPair, int], made: Sequence[int]
) -> list[int]:
    """What `encode_word` returns, in O(n log n) steps instead of O(n²).

    A heap holds (rank, position, pair) of every pair that has a rank; a linked list holds the
    neighbours. Entries that a merge has made obsolete stay in the heap, and are skipped when they
    come up.

    >>> l, o, w, e, r, lo, er, low = range(8)
    >>> encode_with_heap([l, o, w, e, r], {(l, o): 0, (e, r): 1, (lo, w): 2}, [lo, er, low])
    [7, 6]
    """
    gone, end = -1, len(ids)
    tokens = [*ids, gone]  # a token stays where its first byte was
    after, before = list(range(1, end + 1)), list(range(-1, end))
    heap = [(ranks[p], i, p) for i, p in enumerate(pairwise(ids)) if p in ranks]
    heapify(heap)
    while heap:
        rank, left, pair = heappop(heap)
        right = after[left]
        if (tokens[left], tokens[right]) != pair:
            continue
        tokens[left], tokens[right] = made[rank], gone
        after[left] = after[right]
        before[after[left]] = left
        for first, second in ((before[left], left), (left, after[left])):
            if first >= 0 and (new := (tokens[first], tokens[second])) in ranks:
                heappush(heap, (ranks[new], first, new))
    return [token for token in tokens if token != gone]


class LongWord:
    """Encodes a word that arrives in parts, and hands out tokens as soon as they are settled.

    Memory is bounded by the block, not by the word: a megabyte of one letter is one word.

    Args:
        ranks, made: as for `encode_word`.
        sizes: the number of bytes of each token that a merge makes.
        block: how many bytes are encoded at a time.
    """

    def __init__(
        self,
        ranks: Mapping[IdPair, int],
        made: Sequence[int],
        sizes: Mapping[int, int],
        block: int = 1 << 15,
    ) -> None:
        self._ranks, self._made, self._sizes, self._block = ranks, made, sizes, block
        self._longest = max(sizes.values(), default=1)
        self._rest: list[int] = []
        self._wanted = block

    def feed(self, ids: Sequence[int]) -> list[int]:
        """Take the next bytes of the word; returns the tokens that they settle."""
        self._rest += ids
        if len(self._rest) < self._wanted:
            return []
        tokens = self._encode(self._rest)
        ends = [0, *accumulate(self._sizes.get(token, 1) for token in tokens)]
        settled = self._count_settled(tokens, ends)
        del self._rest[: ends[settled]]
        self._wanted = max(self._block, 2 * len(self._rest))
        return tokens[:settled]

    def finish(self) -> list[int]:
        """The word has ended: returns its last tokens, and is ready for another word."""
        tokens = self._encode(self._rest)
        self._rest, self._wanted = [], self._block
        return tokens

    def _encode(self, ids: Sequence[int]) -> list[int]:
        return encode_with_heap(ids, self._ranks, self._made)

    def _count_settled(self, tokens: list[int], ends: list[int]) -> int:
        """How many of the first tokens stay the same, whatever bytes follow.

        Two facts about merging decide it:

        1. Tokens are the encoding of their joined bytes if and only if every two neighbours are
           the encoding of theirs: the first merge across a border also happens with those alone.
        2. A token across the end of these bytes starts at one of the last `longest` places, and
           what lies before that place `stop` is the encoding of the bytes before it.

        So tokens are settled if, for every `stop`, the last of them and the first token of what
        lies between them and `stop` are the encoding of their joined bytes.
        """
        count, reach = len(tokens), 2 * self._longest
        while count:
            cut = ends[-1] - reach
            count = next((k for k in range(count, 0, -1) if ends[k] <= cut), 0)
            if count and self._is_settled(tokens[count - 1], ends[count - 1], ends[count]):
                break
            reach *= 2
        return count

    def _is_settled(self, last: int, start: int, end: int) -> bool:
        """Whether the border at `end`, after the token `last` from `start` on, is there to stay."""
        size = len(self._rest)
        stops = range(size - self._longest + 1, size + 1)
        firsts = {self._encode(self._rest[end:stop])[0] for stop in stops}
        return all(
            self._encode(self._rest[start : end + self._sizes.get(first, 1)]) == [last, first]
            for first in firsts
        )
