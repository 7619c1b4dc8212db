"""How much of each line is kept where a text has too little room: one rule for characters and for tokens."""

from collections.abc import Sequence

CUT = " ... (cut)"
"""Ends a line that goes on."""


def shares(lengths: Sequence[int], room: int) -> list[int]:
    """How much of each line is kept, in the order of the lines; the sum is at most `room`.

    A line leaves to those after it what they need, up to a half of what is left, so that a long one takes the place of
    none. In the last quarter of the room it leaves nothing: lines there would get ever shorter.
    """
    kept, left, after = [], room, sum(lengths)
    for length in lengths:
        after -= length
        reserved = min(after, left // 2) if left > room // 4 else 0
        kept.append(min(length, left - reserved))
        left -= kept[-1]
    return kept
