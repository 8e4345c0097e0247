# SPDX-License-Identifier: Apache-2.0
"""What a run of obs_matrix.sh gave, as one JSON object: `python3 report.py RESULTS [FILE]`.

Run outside the chroot, with the standard library alone. Reads the files that inside.sh left in RESULTS; prints the
object, writes it to FILE, and ends with status 1 where a test failed or a step left nothing.
"""

from __future__ import annotations

import json
import re
import sys
import xml.etree.ElementTree as xml
from pathlib import Path


def collected(results: Path) -> dict[str, object]:
    """{obs_version, python, commit, demo figures or None, tests or None, ...} of one run."""
    version = re.search(r"\d+\.\d+\.\d+", _text(results / "obs_version"))
    found: dict[str, object] = {
        "obs_version": version.group() if version else None,
        "python": _text(results / "python") or None,
        "commit": _text(results / "commit") or None,
    }
    for name in ("demo", "figures"):
        if (results / f"{name}.json").exists():
            found[name] = json.loads(_text(results / f"{name}.json"))
    loads = {file.name.removeprefix("load-before-"): _text(file) for file in sorted(results.glob("load-before-*"))}
    found["load_before"] = loads
    if (results / "tests.xml").exists():
        found["tests"] = counts(results / "tests.xml")
    return found


def counts(report: Path) -> dict[str, object]:
    """{passed, failed, skipped, failures: [names]} of a JUnit report; an error of a fixture is a failure."""
    cases = list(xml.parse(report).getroot().iter("testcase"))
    failures = [_name(case) for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = sum(case.find("skipped") is not None for case in cases)
    return {
        "passed": len(cases) - skipped - len(failures),
        "failed": len(failures),
        "skipped": skipped,
        "failures": failures,
    }


def _name(case: xml.Element) -> str:
    return f"{case.get('classname')}::{case.get('name')}"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def main(results: str, file: str = "") -> int:
    found = collected(Path(results))
    text = json.dumps(found, indent=2)
    print(text)
    if file:
        Path(file).write_text(text + "\n", encoding="utf-8")
    tests = found.get("tests")
    return int(found["obs_version"] is None or (isinstance(tests, dict) and tests["failed"] > 0))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
