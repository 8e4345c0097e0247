# SPDX-License-Identifier: Apache-2.0
"""The voice process from its launch line to its end: listens and writes commands.

Called by __main__.py on the main thread. The owner, the OBS half or the CLI, writes one launch line
(voice_lines.VoiceLaunch) to standard input and reads events, one JSON object a line, from standard output. It keeps
OBS's own priority: it works for a moment after a phrase, and at a lower one a busy machine answers seconds later.
Invariant: that of worker/processes/line_process.py.
"""

from __future__ import annotations

from mirage_lsd.shared.messages.voice_lines import LINES, VoiceLaunch
from mirage_lsd.worker.processes.line_process import run
from mirage_lsd.worker.senses.voice.service import VoiceService


def main() -> int:
    """Runs the process; returns its exit status."""
    return run(LINES, lambda line, tell: VoiceService(VoiceLaunch.from_line(line), tell))
