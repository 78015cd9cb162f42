"""Pictures become a file: a video, an animation or a strip, whole or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mesosweep.domain.errors import ExtraMissing
from mesosweep.records.files import writing


def write_mp4(path: Path, pictures: Iterable[Any], *, fps: float) -> int:
    """Write a video (H.264) as pictures come; returns how many there were.

    Raises:
        ExtraMissing: a package of the extra `report` is not installed.
        StoreError: the file cannot be written.
    """

    def write(aside: Path) -> int:
        count = 0
        # 2: what the pixel format needs; more would resize the pictures.
        with _imageio().get_writer(aside, format="FFMPEG", fps=fps, macro_block_size=2) as video:
            for picture in pictures:
                video.append_data(picture)
                count += 1
        return count

    return _aside(path, write)


def write_gif(path: Path, pictures: Iterable[Any], *, fps: float) -> int:
    """Write an animation that repeats for ever; returns how many pictures. Raises as `write_mp4`."""
    frames = list(pictures)

    def write(aside: Path) -> int:
        _imageio().mimwrite(aside, frames, format="GIF", duration=1000 / fps, loop=0)
        return len(frames)

    return _aside(path, write)


def write_png(path: Path, picture: Any) -> None:
    """Write one picture. Raises as `write_mp4`."""

    def write(aside: Path) -> int:
        _imageio().imwrite(aside, picture, format="PNG")
        return 1

    _aside(path, write)


def _aside(path: Path, write: Callable[[Path], int]) -> int:
    """Have `write` fill a file beside `path`, then put it in its place in one step."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
            aside = Path(folder) / path.name
            count = write(aside)
            aside.replace(path)
    return count


def _imageio() -> Any:  # a vendor's module, untyped
    try:
        import imageio_ffmpeg  # noqa: F401  # imageio says badly that it is missing
        from imageio import v2
    except ModuleNotFoundError as cause:
        raise ExtraMissing("mesosweep render", cause.name or "imageio", "report") from cause
    return v2
