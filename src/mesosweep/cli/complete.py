"""What the shell offers after an option: names from metadata, without importing a plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mesosweep.plugins import Kind


def species(incomplete: str) -> list[str]:
    from mesosweep.plugins import SPECIES

    return _names(SPECIES, incomplete)


def algorithms(incomplete: str) -> list[str]:
    from mesosweep.plugins import ALGORITHMS

    return _names(ALGORITHMS, incomplete)


def backends(incomplete: str) -> list[str]:
    from mesosweep.plugins import BACKENDS

    return _names(BACKENDS, incomplete)


def samplers(incomplete: str) -> list[str]:
    from mesosweep.plugins import SAMPLERS

    return _names(SAMPLERS, incomplete)


def _names(kind: Kind[Any], incomplete: str) -> list[str]:
    from mesosweep.plugins import Registry

    return [name for name in Registry().names(kind) if name.startswith(incomplete)]
