# SPDX-License-Identifier: Apache-2.0
"""Numbers as people say them, 1 to 99.

Called while the grammar is built and when a phrase is read. Invariant: `spoken` and `value_of` undo each other.
"""

from __future__ import annotations

LARGEST = 99
_ONES = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")


def spoken(number: int) -> str:
    """Words for 1 … 99, such as "twenty one". ValueError outside of that."""
    if not 1 <= number <= LARGEST:
        raise ValueError(f"{number} has no spoken form here; use 1 to {LARGEST}")
    if number < 20:
        return _ONES[number - 1]
    tens, ones = divmod(number, 10)
    return _TENS[tens - 2] + (f" {_ONES[ones - 1]}" if ones else "")


_VALUES = {spoken(number): number for number in range(1, LARGEST + 1)}


def value_of(words: str) -> int | None:
    """The number that the words or digits say, or None. "twenty-one", "twenty one" and "21" are the same."""
    text = words.strip().replace("-", " ")
    if text.isdecimal():
        return int(text) if 1 <= int(text) <= LARGEST else None
    return _VALUES.get(text)
