# SPDX-License-Identifier: Apache-2.0
"""CURVE keys as text, and the rule for who may connect. Pure functions; channel.py gives them to zmq.

Used by endpoints.py in both processes and by the worker's control thread. Invariant: a secret key appears in
no repr and no error.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from mirage_lsd.shared.errors import ChannelError

KEY_CHARS = 40
ZAP_DOMAIN = b"mirage-lsd"
_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_DIGITS = {character: value for value, character in enumerate(_Z85)}


@dataclass(frozen=True)
class KeyPair:
    """A CURVE key pair, Z85 text of 40 characters each."""

    public: str
    secret: str

    def __repr__(self) -> str:
        return f"KeyPair(public={self.public!r})"


def decode_key(text: str) -> bytes:
    """The 32 bytes of a key in Z85 text. ValueError, without the text in it, if it is none."""
    if len(text) != KEY_CHARS or any(character not in _DIGITS for character in text):
        raise ValueError(f"not a CURVE key of {KEY_CHARS} Z85 characters")
    words = []
    for start in range(0, KEY_CHARS, 5):
        word = 0
        for character in text[start : start + 5]:
            word = word * len(_Z85) + _DIGITS[character]
        if word >> 32:
            raise ValueError("not a CURVE key: its Z85 text stands for no bytes")
        words.append(word.to_bytes(4, "big"))
    return b"".join(words)


def raw_key(text: str) -> bytes:
    """decode_key for keys handed to the channel: ChannelError (bad_keys) instead of ValueError."""
    try:
        return decode_key(text)
    except ValueError as error:
        raise ChannelError(f"{error}: use new_key_pair()", "bad_keys") from error


def zap_answer(frames: list[bytes], allowed: Collection[bytes]) -> tuple[bool, list[bytes]]:
    """Answer to one request of the ZeroMQ Authentication Protocol 1.0: yes for CURVE with an allowed key.

    Request frames: version, id, domain, address, identity, mechanism, client's key (32 bytes).
    """
    domain, mechanism, credentials = frames[2], frames[5], frames[6:]
    good = domain == ZAP_DOMAIN and mechanism == b"CURVE" and len(credentials) == 1 and credentials[0] in allowed
    status = (b"200", b"OK") if good else (b"400", b"key not allowed")
    return good, [frames[0], frames[1], *status, b"", b""]
