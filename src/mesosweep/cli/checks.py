"""What `doctor` looks at. Each check says what it found and, when amiss, what to do."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from mesosweep.plugins import ALGORITHMS, KINDS, SPECIES, Registry
from mesosweep.report.words import size

_WORDS = {"✓": "ok", "!": "warning", "✗": "fault"}
_LEAST_FREE, _GOOD_FREE = 10**9, 5 * 10**9
"""Below the first a sweep of any size fails; below the second a long one may."""
_CORE = ("typer", "rich", "pydantic", "optuna")
_TRAIN = ("numpy", "mujoco", "gymnasium", "torch", "stable-baselines3")
_DRAW = """
import mujoco
context = mujoco.GLContext(64, 64)
context.make_current()
model = mujoco.MjModel.from_xml_string(
    "<mujoco><worldbody><light pos='0 0 2'/><geom size='.1'/></worldbody></mujoco>"
)
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
with mujoco.Renderer(model, 48, 64) as renderer:
    renderer.update_scene(data)
    assert renderer.render().any(), "the picture is black"
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of `doctor`."""

    name: str
    mark: Literal["✓", "!", "✗"]
    found: str
    fix: str | None = None

    @property
    def word(self) -> str:
        return _WORDS[self.mark]


def all_checks(directory: Path) -> list[Check]:
    """Return every check of this machine; `directory` is where sweeps would be written."""
    return [
        _python(),
        *_packages(),
        _rendering(),
        _cores(),
        _disk(directory),
        _writing(directory),
        *_plugins(Registry()),
    ]


def _python() -> Check:
    found = f"{platform.python_version()} in {sys.prefix}"
    return Check("Python", "✓", found)


def _packages() -> Iterator[Check]:
    for packages, extra in ((_CORE, ""), (_TRAIN, "[train]")):
        versions = {name: _version(name) for name in packages}
        missing = [name for name, found in versions.items() if found is None]
        found = ", ".join(f"{name} {told or 'missing'}" for name, told in versions.items())
        what = "packages for training" if extra else "packages"
        if missing:
            fix = f"Install what is missing: pip install 'mesosweep{extra}'"
            yield Check(what, "✗", found, fix)
        else:
            yield Check(what, "✓", found)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _rendering() -> Check:
    """Draw one picture off screen, in a process of its own: a GL library may end it."""
    if _version("mujoco") is None:
        return Check("rendering", "!", "not tried: mujoco is missing")
    chosen = os.environ.get("MUJOCO_GL")
    tried = [chosen] if chosen else [None, "egl", "osmesa"]
    first_reason = ""
    for backend in tried:
        reason = _drawn(backend)
        if reason is None:
            if backend == chosen:
                return Check("rendering", "✓", f"off screen with {backend or 'the default'}")
            fix = f"To make pictures and videos: export MUJOCO_GL={backend}"
            return Check("rendering", "!", f"works with {backend} only", fix)
        first_reason = first_reason or reason
    return Check(
        "rendering",
        "!",
        f"no picture could be drawn: {first_reason}",
        "Training does not need it. For pictures: apt install libegl1 (or libosmesa6), "
        "then export MUJOCO_GL=egl (or osmesa).",
    )


def _drawn(backend: str | None) -> str | None:
    """Return None when a picture came out, else why not."""
    environment = {**os.environ, **({"MUJOCO_GL": backend} if backend else {})}
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter and our own words
            [sys.executable, "-c", _DRAW],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "it took longer than a minute"
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    # Destructors of half-made contexts complain after the error that matters.
    errors = [line for line in lines if "Error" in line.partition(":")[0]]
    return (errors or lines or [f"ended by signal {-done.returncode}"])[0].strip()


def _cores() -> Check:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    count = usable or 1
    found = f"{count} usable: so many trials run at a time"
    if count == 1:
        return Check("cores", "!", found, "A sweep works, but slowly.")
    return Check("cores", "✓", found)


def _disk(directory: Path) -> Check:
    free = shutil.disk_usage(_existing(directory)).free
    found = f"{size(free)} free in {_existing(directory)}"
    fix = "Make room (mesosweep gc --dry-run shows what a sweep can spare), or choose another --output-dir."
    if free < _LEAST_FREE:
        return Check("disk", "✗", found, fix)
    return Check(
        "disk", "!" if free < _GOOD_FREE else "✓", found, fix if free < _GOOD_FREE else None
    )


def _writing(directory: Path) -> Check:
    place = _existing(directory)
    try:
        with tempfile.NamedTemporaryFile(dir=place, prefix=".mesosweep-doctor-"):
            return Check("output folder", "✓", f"{place} can be written")
    except OSError as cause:
        found = f"{place} cannot be written: {cause.strerror or cause}"
        return Check("output folder", "✗", found, "Choose another --output-dir.")


def _existing(directory: Path) -> Path:
    """Return the folder, or the nearest one above it that is there already."""
    place = directory.absolute()
    while not place.is_dir():
        place = place.parent
    return place


def _plugins(registry: Registry) -> Iterator[Check]:
    for kind in KINDS:
        rows = registry.status(kind, load=True)
        names = ", ".join(row.name for row in rows if row.problem is None)
        for row in rows:
            if row.problem is not None:
                fix = f"Reinstall, repair or uninstall {row.distribution}."
                yield Check(f"{kind.word} {row.name}", "✗", row.problem, fix)
        if names:
            yield Check(f"{kind.word} plugins", "✓", names)
        elif kind in (SPECIES, ALGORITHMS):
            fix = (
                "pip install mesosweep-velociraptor" if kind is SPECIES else "Reinstall mesosweep."
            )
            yield Check(f"{kind.word} plugins", "✗", "none is installed", fix)
