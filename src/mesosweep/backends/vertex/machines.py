"""Which accelerators there are, what they are called for short, and which machines take them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from mesosweep.domain.errors import SettingsError, did_you_mean

CHECKED = date(2026, 11, 22)
"""When the tables below were last compared with what Google says. They age: a machine that
they refuse may be sent all the same (`JobSettings.any_machine`)."""

ALIASES: Mapping[str, str] = {
    "T4": "NVIDIA_TESLA_T4",
    "V100": "NVIDIA_TESLA_V100",
    "A100": "NVIDIA_TESLA_A100",
    "L4": "NVIDIA_L4",
}
_NOBODY = ("none", "")
_FULL = re.compile(r"(NVIDIA|TPU)_[A-Z0-9_]+")


@dataclass(frozen=True, slots=True)
class Fit:
    """Machines that take an accelerator, and how many of it."""

    machines: str
    """Regular expression over the whole name of the machine type."""
    counts: tuple[int, ...]
    told: str
    """The same in words."""


_N1 = r"n1-(standard|highmem|highcpu)-\d+"
_FITS: Mapping[str, tuple[Fit, ...]] = {
    "NVIDIA_TESLA_T4": (Fit(_N1, (1, 2, 4), "1, 2 or 4 on n1-*"),),
    "NVIDIA_TESLA_V100": (Fit(_N1, (1, 2, 4, 8), "1, 2, 4 or 8 on n1-*"),),
    "NVIDIA_TESLA_P100": (Fit(_N1, (1, 2, 4), "1, 2 or 4 on n1-*"),),
    "NVIDIA_TESLA_P4": (Fit(_N1, (1, 2, 4), "1, 2 or 4 on n1-*"),),
    "NVIDIA_L4": (
        Fit(r"g2-standard-(4|8|12|16|32)", (1,), "1 on g2-standard-4, -8, -12, -16 or -32"),
        Fit(r"g2-standard-24", (2,), "2 on g2-standard-24"),
        Fit(r"g2-standard-48", (4,), "4 on g2-standard-48"),
        Fit(r"g2-standard-96", (8,), "8 on g2-standard-96"),
    ),
    "NVIDIA_TESLA_A100": (
        *(Fit(rf"a2-highgpu-{n}g", (n,), f"{n} on a2-highgpu-{n}g") for n in (1, 2, 4, 8)),
        Fit(r"a2-megagpu-16g", (16,), "16 on a2-megagpu-16g"),
    ),
    "NVIDIA_A100_80GB": tuple(
        Fit(rf"a2-ultragpu-{n}g", (n,), f"{n} on a2-ultragpu-{n}g") for n in (1, 2, 4, 8)
    ),
    "NVIDIA_H100_80GB": tuple(
        Fit(rf"a3-highgpu-{n}g", (n,), f"{n} on a3-highgpu-{n}g") for n in (1, 2, 4, 8)
    ),
    "NVIDIA_H100_MEGA_80GB": (Fit(r"a3-megagpu-8g", (8,), "8 on a3-megagpu-8g"),),
    "NVIDIA_H200_141GB": (Fit(r"a3-ultragpu-8g", (8,), "8 on a3-ultragpu-8g"),),
    "NVIDIA_B200": (Fit(r"a4-highgpu-8g", (8,), "8 on a4-highgpu-8g"),),
}
_BUILT_IN = re.compile(r"(g2-standard|a2-|a3-|a4-|a4x-|g4-)")
"""Machines that come with their accelerator, which has to be named all the same."""


def accelerator(text: str | None) -> str | None:
    """Return the API's name of an accelerator; None for `None`, which is CPU only.

    A name of the right form that is not known here is passed on: there will be new ones.

    Raises:
        SettingsError: it is neither an alias nor of that form.
    """
    if text is None or text.lower() in _NOBODY:
        return None
    name = ALIASES.get(text.upper(), text.upper())
    if _FULL.fullmatch(name):
        return name
    known = (*ALIASES, *_FITS)
    raise SettingsError(
        f"--accelerator-type {text}: unknown accelerator.",
        hint=f"{did_you_mean(text.upper(), known)}Known: {', '.join(known)}; None for CPU only.",
    )


def misfit(machine: str, accelerator: str | None, count: int) -> str | None:
    """Say why a machine cannot take so many of an accelerator; None when it can, as far as known."""
    if accelerator is None:
        if _BUILT_IN.match(machine):
            return f"{machine} comes with an accelerator, which must be named"
        return None
    fits = _FITS.get(accelerator)
    if fits is None or any(re.fullmatch(f.machines, machine) and count in f.counts for f in fits):
        return None
    return f"{machine} does not take {count} × {accelerator}; it comes {_listed(fits)}"


def _listed(fits: tuple[Fit, ...]) -> str:
    return "; ".join(fit.told for fit in fits)
