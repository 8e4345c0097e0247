# SPDX-License-Identifier: Apache-2.0
"""Which release this is: the one identity that every process of Mirage LSD tells, and what to say when two differ.

VERSION is the package's (pyproject.toml has the same). A release is VERSION+digits: the digits come from the contents
of `shared`, where all messages and all layouts of shared memory are specified, so that two sides which might not
understand each other never have the same one, whatever was done to the version numbers. Computed once, when a process
starts: OBS goes on running the files that it has read although others lie in their place, and is told by this.
Invariants: a difference is found before any message or memory of the other side is used; standard library only.
"""

from __future__ import annotations

import hashlib
import os

VERSION = "0.1.0"
MAX_RELEASE_CHARS = 64
OTHER_RELEASE = "other_release"
"""Code of the errors that say so."""
UNKNOWN = "an older one"
_CODE = (".py", ".lua")


def fingerprint(*folders: str) -> str:
    """Eight hexadecimal digits that are others when any file of code in these folders is."""
    digest = hashlib.sha256()
    for folder in folders:
        for name in _code_in(folder):
            with open(os.path.join(folder, *name.split("/")), "rb") as file:
                content = file.read().replace(b"\r\n", b"\n")
            digest.update(b"%s\0%d\0%s" % (name.encode(), len(content), content))
    return digest.hexdigest()[:8]


def _code_in(folder: str) -> list[str]:
    """Paths of all files of code, relative and with "/" on every system, in one order."""
    paths = []
    for inside, _, names in os.walk(folder):
        rooms = os.path.relpath(inside, folder).split(os.sep)
        paths += ["/".join([*rooms, name]) for name in names if name.endswith(_CODE)]
    return sorted(paths)


def release_of(*folders: str) -> str:
    """The release that these folders' files make together."""
    return f"{VERSION}+{fingerprint(*folders)}"


FOLDER = os.path.dirname(os.path.abspath(__file__))
RELEASE = release_of(FOLDER)


def upgraded(now: str, running: str) -> str:
    """What to tell when other files have taken the place of those that OBS runs."""
    return f"Mirage LSD was upgraded to {now} while OBS runs {running}: restart OBS"


def disagreement(theirs: str) -> str:
    """What the OBS half tells when a process that it started is of the release `theirs`."""
    if fingerprint(FOLDER) != RELEASE.rpartition("+")[2]:
        return upgraded(theirs, RELEASE)
    return (
        f"this script is Mirage LSD {RELEASE} and the installed worker is {theirs}: run ./installers/install.sh, "
        "give OBS (Tools, Scripts) the file that `./installers/install.sh verify` names, and restart OBS"
    )
