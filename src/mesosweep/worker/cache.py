"""What was measured on this machine is kept, and found again by what it was measured of."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mesosweep import __version__

_MATTERS = ("torch", "stable-baselines3", "mujoco", "gymnasium")


def place_of(kind: str, about: Mapping[str, Any]) -> Path:
    """Return the file for what is `about` something, on this machine with these packages."""
    key = {
        **about,
        "machine": [platform.node(), platform.processor(), os.cpu_count()],
        "packages": {name: _version(name) for name in _MATTERS},
        "mesosweep": __version__,
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "mesosweep" / f"{kind}-{digest}.json"


def read(place: Path) -> Any:  # JSON
    """Return what was kept; None where nothing is, or nothing that can be read."""
    with suppress(OSError, ValueError):
        return json.loads(place.read_text(encoding="utf-8"))
    return None


def keep(place: Path, told: object) -> None:
    """Replace a file of the cache in one step."""
    # A cache that cannot be written costs seconds, not results.
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=place.parent, prefix=f".{place.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(told, file)
        Path(aside).replace(place)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
