# SPDX-License-Identifier: Apache-2.0
"""Prompts encoded beside the frames: nothing waits, nothing is half, nothing grows."""

from __future__ import annotations

import threading
import time

from mirage_lsd.shared.errors import MirageError
from mirage_lsd.worker.v1.frame.prompts import KEPT, PromptEncoder


class SlowEncoder:
    """Encodes a prompt to itself, one at a time, each when told to go on."""

    def __init__(self) -> None:
        self.go, self.seen, self.busy = threading.Semaphore(0), [], False

    def __call__(self, prompt: str) -> str:
        if prompt:
            self.busy = True
            self.go.acquire()
        self.seen.append(prompt)
        if prompt == "bad":
            raise MirageError("no such words")
        return f"tokens of {prompt}"


def wait_until(condition) -> None:
    limit = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < limit, "it never came"
        time.sleep(0.002)


def test_a_prompt_change_waits_for_nothing_and_swaps_whole() -> None:
    encode = SlowEncoder()
    prompts = PromptEncoder(encode)
    assert not prompts.request("one")
    wait_until(lambda: encode.busy)
    for _ in range(100):
        assert prompts.current() == ("", "tokens of ")
    prompts.request("two")
    prompts.request("three")
    for _ in range(3):
        encode.go.release()
    wait_until(lambda: prompts.current()[0] == "three")
    assert prompts.current() == ("three", "tokens of three")
    assert encode.seen[:2] == ["", "one"] and "two" not in encode.seen, "an overtaken prompt is not encoded"
    assert prompts.request("") and prompts.current()[0] == "", "a known prompt is there at once"
    prompts.close()


def test_a_prompt_that_fails_leaves_the_last_one() -> None:
    encode = SlowEncoder()
    prompts = PromptEncoder(encode)
    encode.go.release()
    prompts.request("bad")
    wait_until(lambda: prompts.error)
    assert prompts.current()[0] == "" and "no such words" in prompts.error
    encode.go.release()
    prompts.request("good")
    wait_until(lambda: prompts.current()[0] == "good")
    assert prompts.error == ""
    prompts.close()


def test_encoded_prompts_are_bounded() -> None:
    prompts = PromptEncoder(lambda prompt: prompt)
    for number in range(3 * KEPT):
        prompts.request(str(number))
        wait_until(lambda number=number: prompts.current()[0] == str(number))
    assert len(prompts._known) == KEPT
    prompts.close()
