"""The kinds of file that `render` makes, which of its flags each takes, and how large they may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mesosweep.domain.errors import UsageError

FRAMES, COLUMNS = 8, 4
"""Of a strip, unless somebody says otherwise."""
_LARGEST = 4096
"""Pixels a side; an offscreen picture of more than that no common driver draws."""
_MOST_AT_ONCE = 400_000_000
"""Pixels of a strip or an animation, all of which are kept in memory: 1.2 GB."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file."""

    suffix: str
    called: str
    size: tuple[int, int]
    """Width and height of a picture unless somebody says otherwise."""
    flags: tuple[str, ...]
    """Those that mean something for it and not for every other kind."""
    fps: float = 0.0


VIDEO = Kind(".mp4", "a video (.mp4)", (640, 480), ("--fps",), fps=25.0)
ANIMATION = Kind(".gif", "an animation (.gif)", (320, 240), ("--fps",), fps=12.5)
STRIP = Kind(".png", "a strip (.png)", (320, 240), ("--frames", "--every", "--columns"))
_KINDS = (VIDEO, ANIMATION, STRIP)


def kind_of(out: Path | None) -> Kind:
    """Return the kind that a file's name asks for; a video by default. Raises UsageError."""
    if out is None:
        return VIDEO
    for kind in _KINDS:
        if out.suffix.lower() == kind.suffix:
            return kind
    told = f"'{out.suffix}' is no format that can be drawn" if out.suffix else "names no format"
    raise UsageError(
        f"--out {out}: {told}.",
        hint=f"End the name with one of {', '.join(kind.suffix for kind in _KINDS)}",
    )


def check_apply(kind: Kind, said: Mapping[str, float | None]) -> None:
    """Raise UsageError for a flag that would change nothing in a file of this kind."""
    for flag, value in said.items():
        if value is not None and flag not in kind.flags:
            fitting = " or ".join(other.called for other in _KINDS if flag in other.flags)
            raise UsageError(
                f"{flag} {value:g}: changes nothing in {kind.called}.",
                hint=f"Leave it out, or draw {fitting}: --out FILE",
            )


def check_unsaid(said: Mapping[str, object], *, why: str) -> None:
    """Raise UsageError for a flag that was said, none of which apply."""
    told = {flag: value for flag, value in said.items() if value is not None}
    for flag, value in told.items():
        words = flag if value is True else f"{flag} {value}"
        raise UsageError(f"{words}: {why}.", hint=f"Leave out {', '.join(told)}.")


def size_of(said: str | None, kind: Kind) -> tuple[int, int]:
    """Return width and height in pixels, as WIDTHxHEIGHT says; raises UsageError."""
    if said is None:
        return kind.size
    width, _, height = said.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and min(int(width), int(height)) > 1):
        raise UsageError(
            f"--size {said}: is not WIDTHxHEIGHT in pixels.", hint="For example: --size 640x480"
        )
    found = int(width), int(height)
    if max(found) > _LARGEST:
        raise UsageError(
            f"--size {said}: at most {_LARGEST} pixels a side can be drawn.",
            hint="For example: --size 1920x1080",
        )
    even = found[0] // 2 * 2, found[1] // 2 * 2
    if kind is VIDEO and found != even:  # H.264 halves both for its colours
        raise UsageError(
            f"--size {said}: the sides of a video are even numbers of pixels.",
            hint=f"For example: --size {even[0]}x{even[1]}",
        )
    return found


def check_fits(count: int, size: tuple[int, int]) -> None:
    """Raise UsageError when so many pictures cannot be held in memory together."""
    width, height = size
    if count * width * height > _MOST_AT_ONCE:
        raise UsageError(
            f"{count} pictures of {width}x{height} are more than fit into memory.",
            hint="Give a smaller --size, ask for fewer pictures, or draw a video (.mp4).",
        )
