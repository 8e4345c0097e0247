# SPDX-License-Identifier: Apache-2.0
"""The one error tree: each error has a `code` for programs and a text that says what is wrong and what to do.

Raised in both processes. Invariant: whatever this project refuses on purpose is a MirageError, so that a
caller can tell refusal (show the text) from a bug (let it surface).
"""

from __future__ import annotations


class MirageError(Exception):
    """Base of all errors raised on purpose. `code` is stable, in snake_case; str(error) is for people."""

    code = "mirage_error"

    def __init__(self, text: str, code: str | None = None) -> None:
        super().__init__(text)
        if code is not None:
            self.code = code


def reason_of(error: BaseException) -> str:
    """The first line of another project's error, or its kind where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


class FieldError(MirageError):
    """A field of a message or of the settings is not acceptable. `field` names it (dotted when nested)."""

    code = "bad_field"

    def __init__(self, text: str, field: str) -> None:
        super().__init__(text)
        self.field = field


class MappingError(MirageError):
    """Shared memory is refused. Codes: exists, not_found, not_permitted, no_space, truncated."""

    code = "mapping_error"


class RingError(MirageError):
    """The frame ring refuses. Codes: exists, not_found, not_permitted, no_space, not_a_ring, wrong_version,
    truncated, wrong_size, bad_geometry, bad_frame, bad_slot, read_only, closed, bad_use."""

    code = "ring_error"


class TornFrame(RingError):
    """The writer overtook the reader on every try; nothing was lost but this one look. Try again later."""

    code = "torn_frame"


class DoorbellError(MirageError):
    """The doorbell cannot be made, opened or used. Codes: exists, not_found, not_permitted, not_a_doorbell,
    wrong_version, unsupported, closed, failed."""

    code = "doorbell_error"


class WireError(MirageError):
    """Bytes that are no message of ours.

    Codes: oversized, malformed, unknown_version, unknown_message, bad_field. `request_id` is the id of the
    refused request where it could still be read, else 0; `field` names the field for bad_field, else "".
    """

    code = "malformed"

    def __init__(self, text: str, code: str, request_id: int = 0, field: str = "") -> None:
        super().__init__(text, code)
        self.request_id = request_id
        self.field = field


class ChannelError(MirageError):
    """The control channel cannot be used. Codes: closed, bad_keys, cannot_bind, send_failed."""

    code = "channel_error"


class ChannelTimeout(ChannelError):
    """No reply came in time: the worker is starting, hung, dead, or does not accept our keys."""

    code = "timeout"


class RequestRefused(ChannelError):
    """The worker answered with an ErrorReply; code, text and `field` are the worker's."""

    def __init__(self, text: str, code: str, field: str = "") -> None:
        super().__init__(text, code)
        self.field = field


class EndpointError(MirageError):
    """Launch data or the session folder is not acceptable. Codes: malformed, bad_field, unknown_version,
    not_private, cannot_create, not_found, not_shared."""

    code = "endpoint_error"


class OtherRelease(EndpointError):
    """The other side is of another release than this program, which is told nothing else by it."""

    code = "other_release"

    def __init__(self, theirs: str, ours: str) -> None:
        super().__init__(f"this is Mirage LSD {ours}, the other side is {theirs}: restart OBS")
        self.theirs = theirs
