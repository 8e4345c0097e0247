# SPDX-License-Identifier: Apache-2.0
"""The house rules that a reader relies on: small rooms, short files and functions, walls by folder, no import cycle.

Read from the source. A rule that is broken is named with the place; the limits are the project's and are not raised.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections import Counter
from itertools import chain
from pathlib import Path
from statistics import median, quantiles

import pytest
from source_imports import imports_of

ROOTS = ("obs_script", "shared", "worker")
FILES_A_FOLDER, LINES_A_FILE, LINES_OF_A_MODEL = 12, 250, 400
MEDIAN_LINES, P95_LINES, LINES_A_FUNCTION = 6, 20, 40
ATTRIBUTES_A_CLASS = 12
MODELS = ("worker/models/nets/", "worker/v1/nets/")
JOURNEY = ("__init__", "__main__", "control", "history", "loop", "pipeline", "stage_order", "service",
           "state", "stream", "timing", "transport")
TORCH = ("worker/models/nets/", "worker/engines/device/", "worker/v1/", "worker/hosts/v1_", "worker/train/",
         "worker/eval/", "worker/bench/")


def tracked(checkout: Path, *endings: str) -> list[str]:
    """Paths of the tree's files, of those that git knows or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True).stdout.split("\0")
    return sorted(name for name in names if name.endswith(endings) and (checkout / name).exists())


@pytest.fixture(scope="module")
def trees(checkout: Path) -> dict[str, ast.Module]:
    """Every Python file, parsed."""
    return {name: ast.parse((checkout / name).read_text(encoding="utf-8")) for name in tracked(checkout, ".py")}


def functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its decorators."""
    return node.end_lineno - node.lineno + 1


def test_a_folders_listing_is_its_table_of_contents(checkout: Path) -> None:
    files = Counter(os.path.dirname(name) for name in tracked(checkout, ".py", ".lua"))
    assert {folder: count for folder, count in files.items() if count > FILES_A_FOLDER} == {}


def test_the_workers_root_is_the_journey(checkout: Path) -> None:
    """What lies loose there is on a frame's or a command's way: another such file is asked for here."""
    loose = {name for name in tracked(checkout, ".py") if name.startswith("worker/") and name.count("/") == 1}
    assert loose - {f"worker/{name}.py" for name in JOURNEY} == set()


def test_files_are_short(checkout: Path) -> None:
    too_long = {}
    for name in tracked(checkout, ".py", ".lua"):
        lines = len((checkout / name).read_text(encoding="utf-8").splitlines())
        if lines > (LINES_OF_A_MODEL if name.startswith(MODELS) else LINES_A_FILE):
            too_long[name] = lines
    assert too_long == {}


def test_functions_are_short(trees: dict[str, ast.Module]) -> None:
    source = {name: tree for name, tree in trees.items() if not name.startswith("tests/")}
    lengths = [length(node) for tree in source.values() for node in functions(tree)]
    assert median(lengths) <= MEDIAN_LINES
    assert quantiles(lengths, n=20)[-1] <= P95_LINES
    too_long = {f"{name}:{node.name}": length(node) for name, tree in trees.items()
                for node in functions(tree) if length(node) > LINES_A_FUNCTION}
    assert too_long == {}


def attributes(node: ast.ClassDef) -> set[str]:
    """Names that a class's methods set on self."""
    targets = chain.from_iterable(
        each.targets if isinstance(each, ast.Assign) else [each.target]
        for method in functions(ast.Module(node.body, []))
        for each in ast.walk(method)
        if isinstance(each, (ast.Assign, ast.AnnAssign, ast.AugAssign))
    )
    flat = chain.from_iterable(target.elts if isinstance(target, ast.Tuple) else [target] for target in targets)
    return {each.attr for each in flat if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name)
            and each.value.id == "self"}


def test_classes_hold_few_things(trees: dict[str, ast.Module]) -> None:
    """Nets apart, whose attributes are their layers."""
    full = {f"{name}:{node.name}": len(attributes(node)) for name, tree in trees.items()
            if not name.startswith((*MODELS, "worker/train/voice/nets.py")) for node in ast.walk(tree)
            if isinstance(node, ast.ClassDef) and len(attributes(node)) > ATTRIBUTES_A_CLASS}
    assert full == {}


def test_torch_stays_in_its_rooms(checkout: Path) -> None:
    """So that a worker with mirage-lsd-tiny starts without it."""
    outside = [f"{name}:{line}" for name in tracked(checkout, ".py") if name.startswith("worker/")
               and not name.startswith(TORCH) for line, module in imports_of(checkout / name)
               if module.split(".")[0] == "torch"]
    assert outside == []


def test_every_module_says_what_it_is(trees: dict[str, ast.Module]) -> None:
    assert [name for name, tree in trees.items() if ast.get_docstring(tree) is None] == []


def module_name(path: str) -> str:
    parts = path.removesuffix(".py").split("/")
    return ".".join(["mirage_lsd", *(parts[:-1] if parts[-1] == "__init__" else parts)])


def imported_at_start(tree: ast.Module) -> set[str]:
    """Ours that a module imports when it is imported itself: not in functions, not for type checkers alone."""
    names, todo = set(), list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("mirage_lsd"):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names if alias.name.startswith("mirage_lsd")}
        elif isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.dump(node.test) or isinstance(node, ast.Try):
            todo += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
    return names


def test_no_import_cycle(trees: dict[str, ast.Module]) -> None:
    ours = {module_name(name): tree for name, tree in trees.items() if name.startswith(ROOTS)}
    needs = {name: imported_at_start(tree) & set(ours) - {name} for name, tree in ours.items()}
    while free := [name for name, wanted in needs.items() if not wanted & set(needs)]:
        for name in free:
            del needs[name]
    assert {name: sorted(wanted & set(needs)) for name, wanted in needs.items()} == {}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_static_reader_resolves_every_import(checkout: Path) -> None:
    """As an editor does it, from the checkout alone: pyright with the settings of pyproject.toml."""
    command = [sys.executable, "-m", "pyright", "--outputjson", "-p", "pyproject.toml"]
    environment = {**os.environ, "PYRIGHT_PYTHON_USE_BUNDLED_PYRIGHT": "1"}  # the release that is installed, no other
    ran = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True)
    assert '"errorCount": 0,' in ran.stdout, ran.stdout[-4000:] + ran.stderr[-1000:]


@pytest.mark.parametrize("room", ["obs_script", "shared", "worker"])
def test_a_static_reader_is_led_to_the_source_itself(checkout: Path, room: str) -> None:
    """The links under the name that is imported lead to the files that are edited."""
    assert (checkout / ".editor" / "mirage_lsd" / room / "__init__.py").samefile(checkout / room / "__init__.py")
