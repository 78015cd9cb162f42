"""The winners at work: videos and pictures that lie beside a sweep, carried inside the page."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mesosweep.domain.errors import UsageError
from mesosweep.report.page.markup import Markup, joined, tag
from mesosweep.report.page.sweep import Sweep
from mesosweep.report.words import size

_KINDS = {
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".gif": "image/gif",
    ".png": "image/png",
}
BUDGET = 6_000_000
"""Bytes of all videos together: the page is to be sent by mail."""


@dataclass(frozen=True, slots=True)
class Film:
    """A video or a picture, and what it shows."""

    path: Path
    caption: str


def films_of(sweep: Sweep, given: Sequence[Path] = ()) -> tuple[Film, ...]:
    """Return what was given, and what lies in the winners' folders and beside the stages."""
    found = [Film(path, path.stem.replace("_", " ")) for path in given]
    for stage in reversed(sweep.stages):
        caption = f"stage {stage.title}"
        found += [Film(path, caption) for path in _beside(sweep.root, f"*stage{stage.number}*")]
        if stage.winner is not None:
            whose = f"{caption}, trial {stage.winner.trial_id}"
            found += [Film(path, whose) for path in _beside(stage.winner.folder, "*")]
    found += [Film(path, path.stem.replace("_", " ")) for path in _beside(sweep.root, "*")]
    # One that fits two patterns is shown once, where and as it was found first.
    shown: dict[Path, Film] = {}
    for film in found:
        shown.setdefault(film.path.resolve(), film)
    return tuple(shown.values())


def _beside(folder: Path, pattern: str) -> Iterator[Path]:
    for path in sorted(folder.glob(pattern)):
        # Plots of collected results are no pictures of an animal.
        if path.suffix.lower() in _KINDS and not path.name.startswith("sweep_"):
            yield path


def how_to_make_one(sweep: Sweep) -> str:
    """Return the command that puts a video where this page finds it."""
    stage = sweep.stages[-1]
    folder = stage.winner.folder if stage.winner else sweep.root
    out = sweep.root / f"stage{stage.number}.mp4"
    return shlex.join(["mesosweep", "render", str(folder), "--out", str(out)])


def gallery(films: Iterable[Film], *, hint: str, budget: int = BUDGET) -> Markup:
    """Return the films inline, those of later stages first; what would be too much is named."""
    left, shown, passed_over = budget, [], []
    for film in films:
        try:
            content = film.path.read_bytes()
        except OSError as cause:
            passed_over.append(f"{film.path}: {cause.strerror or cause}")
            continue
        if len(content) > left:
            passed_over.append(f"{film.path}: {size(len(content))}, too large to be carried along")
            continue
        left -= len(content)
        shown.append(_figure(film, content))
    if not shown and not passed_over:
        words = "There is no video yet. This makes one; then write the page again."
        return joined((tag("p", words, class_="quiet"), tag("pre", hint)))
    missing = [tag("li", words) for words in passed_over]
    return joined((tag("div", *shown, class_="charts"), tag("ul", *missing) if missing else None))


def _figure(film: Film, content: bytes) -> Markup:
    kind = _KINDS[film.path.suffix.lower()]
    source = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    if kind.startswith("image/"):
        drawing = tag("img", src=source, alt=film.caption)
    else:
        drawing = tag(
            "video", src=source, controls="", autoplay="", loop="", muted="", playsinline=""
        )
    return tag("figure", drawing, tag("figcaption", film.caption))


def check_film(path: Path) -> None:
    """Raise UsageError for a file that cannot be shown."""
    if path.suffix.lower() not in _KINDS:
        raise UsageError(
            f"--video {path}: no page can show this kind of file.",
            hint=f"It shows {', '.join(_KINDS)}.",
        )
    if not path.is_file():
        raise UsageError(f"--video {path}: there is no such file.")
