# SPDX-License-Identifier: Apache-2.0
"""Reads what a Python file imports, without running it; used by the tests of packaging and of the import walls."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path


def imports_of(file: Path) -> Iterator[tuple[int, str]]:
    """(line, full dotted name) of every absolute import in a file."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
