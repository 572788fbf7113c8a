"""The direction of imports between rooms, read from the source: each room may import only rooms before it."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import stepwave

ROOMS = (
    "facts",
    "signal",
    "text",
    "layers",
    "models",
    "checkpoints",
    "generation",
    "tools",
    "dialogue",
    "data",
    "prepare",
    "training",
    "rl",
    "evaluation",
    "serving",
    "vllm",
    "commands",
)
INNER_ROOMS = {
    "evaluation": {
        "material": (),
        "subjects": (),
        "scoring": (),
        "reporting": (),
        "suites": ("material", "scoring"),
    },
}
"""Rooms inside a room, and which of the others each may import; what lies beside them may be imported by all."""
PACKAGE = Path(stepwave.__file__).parent
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def imported_names(source: str, inside: tuple[str, ...]) -> Iterator[str]:
    """Full names of what `source` imports, wherever in the file; `inside` is the package it lies in."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = inside[: len(inside) - node.level + 1] if node.level else ()
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def wrong_imports(source: str, module: Path) -> list[str]:
    """Names that a module at `module` (relative to the package) may not import."""
    inside = ("stepwave", *module.parent.parts)
    room = module.parts[0] if len(module.parts) > 1 else None
    wrong = []
    for name in imported_names(source, inside):
        origin = name.split(".")
        if origin[0] == "torch" and room == "facts":
            wrong.append(name)
        if origin[0] != "stepwave" or room is None:
            continue
        target = origin[1] if len(origin) > 1 else None
        before = target in ROOMS and ROOMS.index(target) <= ROOMS.index(room)
        if not before and target != "__version__":
            wrong.append(name)
    return wrong


def test_every_module_lies_in_a_known_room() -> None:
    assert {module.parts[0] for module in MODULES if len(module.parts) > 1} <= set(ROOMS)
    assert len(MODULES) > len(ROOMS) / 2


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_room_imports_only_rooms_before_it(module: Path) -> None:
    assert wrong_imports((PACKAGE / module).read_text(encoding="utf-8"), module) == []


def wrong_inner_imports(source: str, module: Path) -> list[str]:
    """Names that a module in a room inside a room may not import from the rooms beside it."""
    room, inner = module.parts[:2] if len(module.parts) > 2 else ("", "")
    rooms = INNER_ROOMS.get(room, {})
    if inner not in rooms:
        return []
    allowed = {inner, *rooms[inner]}
    names = (name.split(".") for name in imported_names(source, ("stepwave", *module.parent.parts)))
    return [".".join(name) for name in names if name[:2] == ["stepwave", room] and name[2] in set(rooms) - allowed]


@pytest.mark.parametrize("module", [module for module in MODULES if len(module.parts) > 2], ids=str)
def test_inner_rooms_keep_to_themselves(module: Path) -> None:
    assert wrong_inner_imports((PACKAGE / module).read_text(encoding="utf-8"), module) == []


def test_the_inner_guard_sees_a_wrong_import() -> None:
    source = "from stepwave.evaluation.answers import Item\nfrom stepwave.evaluation.subjects.own import revision"
    assert wrong_inner_imports(source, Path("evaluation/scoring/measures.py")) == [
        "stepwave.evaluation.subjects.own.revision"
    ]
    assert wrong_inner_imports(source, Path("evaluation/subjects/other.py")) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("facts/rates.py", "import torch"),
        ("facts/rates.py", "from torch import nn"),
        ("text/template.py", "from stepwave.models.encoder import AudioEncoder"),
        ("text/template.py", "from stepwave import models"),
        ("text/template.py", "from ..models import encoder"),
        ("text/template.py", "def late():\n    import stepwave.training.trainer"),
        ("text/template.py", "from stepwave.helpers import join"),
        ("models/encoder.py", "from stepwave import load"),
    ],
)
def test_the_guard_sees_a_wrong_import(module: str, source: str) -> None:
    assert len(wrong_imports(source, Path(module))) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("models/encoder.py", "import torch\nfrom stepwave.layers import attention\nfrom . import adaptor"),
        ("commands/main.py", "from stepwave import __version__\nfrom ..facts.rates import MEL_HOP"),
        ("__init__.py", "from stepwave.dialogue.session import load"),
    ],
)
def test_the_guard_lets_a_right_import_pass(module: str, source: str) -> None:
    assert wrong_imports(source, Path(module)) == []


def test_facts_load_without_torch() -> None:
    modules = [path.stem for path in PACKAGE.joinpath("facts").glob("*.py") if path.stem != "__init__"]
    imports = "; ".join(["import stepwave.facts", *(f"import stepwave.facts.{name}" for name in modules)])
    command = f"{imports}; import sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0
