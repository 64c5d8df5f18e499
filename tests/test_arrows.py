"""Imports point one way; some things may not be imported at all where the server runs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

BRIDGE = Path(__file__).parent.parent / "bridge"

# Who may import whom, by the first name below bridge. What is not listed may be imported by nobody but cli.
PURE = {"elsewhere", "errors", "limits", "ports", "suggest", "signature", "model", "manifest", "references", "wire"}
MAY = {
    "errors": set(),
    "limits": set(),
    "suggest": set(),
    "references": set(),
    "elsewhere": {"manifest"},
    "ports": {"errors", "limits", "suggest"},
    "signature": {"errors", "limits", "ports", "suggest"},
    "model": {"errors", "limits", "ports", "signature", "suggest"},
    "manifest": {"errors", "limits", "suggest"},
    "wire": {"errors", "limits", "ports"},
    "kit": {"errors", "limits", "model", "ports"},
    "config": {"errors", "limits", "suggest"},
    "logs": {"errors", "config"},
    "session": PURE | {"session"},
    "spawn": {"limits"},
    "backends": PURE | {"session", "spawn", "backends"},
    "catalog": PURE | {"spawn", "catalog"},
    "hub": PURE | {"session", "catalog"},
    "workspace": {"errors", "limits"},
    "walks": PURE | {"session"},
    "favourites": PURE | {"session", "walks", "workspace"},
    "walking": PURE | {"session", "walks", "favourites", "hub"},
    "mappings": PURE | {"session", "hub", "workspace"},
    "usage": PURE | {"session", "hub", "workspace"},
    "workspaces": PURE | {"session", "hub", "workspace"},
    "chains": PURE | {"session", "hub", "workspace"},
    "recorder": PURE | {"session", "walks", "walking"},
    "keeper": PURE | {"session", "hub", "workspace", "walking"},
    "film": {"errors"},
    "interfaces": {"errors"},
    "discovery": {"errors", "limits", "interfaces"},
    "peers": {"errors", "limits", "discovery"},
    "osc": PURE | {"walks"},
    "transports": PURE
    | {"osc"}
    | {"session", "catalog", "hub", "config", "walks", "favourites", "walking", "recorder", "transports"}
    | {"workspaces", "chains", "usage", "mappings"},
    "template": PURE | {"catalog"},
    "server": PURE
    | {"session", "catalog", "hub", "config", "transports", "backends", "keeper", "workspace", "logs"}
    | {"favourites", "walking", "recorder", "workspaces", "chains", "usage", "mappings", "interfaces", "discovery"},
    "": {"errors", "model", "ports"},
}
FREE = {"cli", "commands", "__main__"}  # the top may use everything


def part(module: str) -> str:
    pieces = module.split(".")
    return pieces[1] if len(pieces) > 1 else ""


def imports() -> list[tuple[str, str, str]]:
    """Every import of ours in bridge/: file, who imports, what."""
    found = []
    for file in sorted(BRIDGE.rglob("*.py")):
        where = file.relative_to(BRIDGE)
        who = where.parts[0].removesuffix(".py")
        who = "" if who == "__init__" else who
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "bridge":
                names = [node.module] if node.module != "bridge" else [f"bridge.{alias.name}" for alias in node.names]
                found += [(str(where), who, part(name)) for name in names]
            elif isinstance(node, ast.Import):
                found += [
                    (str(where), who, part(alias.name)) for alias in node.names if alias.name.startswith("bridge.")
                ]
    return found


def test_imports_point_one_way():
    allowed = {who: may | {who} for who, may in MAY.items()}
    wrong = [
        f"{where} imports bridge.{what}"
        for where, who, what in imports()
        if who not in FREE and what not in allowed.get(who, set())
    ]
    assert wrong == []


def test_every_part_has_its_place_in_the_picture():
    parts = {
        path.name.removesuffix(".py") for path in BRIDGE.iterdir() if path.suffix == ".py" or list(path.rglob("*.py"))
    }
    assert parts - set(MAY) - FREE - {"__init__"} == set()


def test_the_check_sees_imports_at_all():
    assert ("hub.py", "hub", "session") in imports()


def loaded_by(code: str) -> set[str]:
    """The modules that are there after the code has run in a fresh Python."""
    run = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=BRIDGE.parent,
    )
    return set(run.stdout.split())


@pytest.mark.parametrize(
    "module", ["bridge", "bridge.ports", "bridge.server", "bridge.backends.worker", "bridge.kit.text"]
)
def test_heavy_libraries_are_not_loaded_by(module: str):
    assert loaded_by(f"import {module}") & {"torch", "numpy", "cv2", "transformers"} == set()


def test_the_worker_does_not_load_a_web_server():
    assert loaded_by("import bridge.backends.worker") & {"aiohttp", "typer", "rich", "uvloop"} == set()


def test_only_spawn_starts_processes():
    starters = ("subprocess_exec", "subprocess_shell", "Popen(", "os.fork", "multiprocessing")
    found = {
        file.name
        for file in BRIDGE.rglob("*.py")
        if any(starter in file.read_text(encoding="utf-8") for starter in starters)
    }
    assert found == {"spawn.py"}
