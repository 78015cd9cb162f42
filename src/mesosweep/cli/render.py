"""`mesosweep render`: an episode of a checkpoint to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mesosweep.cli.bundles import OF_BUNDLE, BundleName, JudgedOn, open_named
from mesosweep.cli.pictures import (
    ANIMATION,
    COLUMNS,
    FRAMES,
    STRIP,
    check_apply,
    check_fits,
    check_unsaid,
    kind_of,
    size_of,
)
from mesosweep.cli.taking import takes
from mesosweep.settings.flags import Flags

if TYPE_CHECKING:
    from mesosweep.domain.score import Episode
    from mesosweep.worker.checkpoint import Opened
    from mesosweep.worker.rendering import Look, Recording

EXAMPLES = (
    "mesosweep render stage3 --out strike.mp4\n\n"
    "mesosweep render stage2 --out gait.png --frames 8 --every 0.06\n\n"
    "mesosweep render trials/local --seed 7 --out walk.gif --camera quarter"
)
_PANEL, _PICTURE = "Episodes", "Picture"


@takes(OF_BUNDLE)
def render(
    flags: Flags,
    *,
    bundle: BundleName = None,
    stage: JudgedOn = None,
    seed: Annotated[
        int,
        typer.Option("--seed", min=0, rich_help_panel=_PANEL, help="Seed of the first episode."),
    ] = 0,
    episodes: Annotated[
        int,
        typer.Option(
            "--episodes",
            min=1,
            rich_help_panel=_PANEL,
            help="How many are shown, one after the other; each is seeded one higher.",
        ),
    ] = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            rich_help_panel=_PICTURE,
            help="A video (.mp4), an animation (.gif) or a strip of pictures (.png). "
            "Default: SPECIES-stageN.mp4 here.",
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            "--size",
            metavar="WIDTHxHEIGHT",
            rich_help_panel=_PICTURE,
            help="Pixels of a picture (default 640x480 in a video, else 320x240).",
        ),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(
            "--fps",
            min=1,
            max=60,
            rich_help_panel=_PICTURE,
            help="Pictures a second of a video (default 25) or an animation (12.5); shown in "
            "real time, so the nearest that divides the control rate.",
        ),
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option(
            "--frames",
            min=1,
            rich_help_panel=_PICTURE,
            help=f"Pictures of a strip, of each episode (default {FRAMES}).",
        ),
    ] = None,
    every: Annotated[
        float | None,
        typer.Option(
            "--every",
            metavar="SECONDS",
            min=0.001,
            rich_help_panel=_PICTURE,
            help="Time between pictures of a strip, up to the episode's end (default: spread "
            "evenly over all of it).",
        ),
    ] = None,
    columns: Annotated[
        int | None,
        typer.Option(
            "--columns",
            min=1,
            rich_help_panel=_PICTURE,
            help=f"Columns of a strip (default {COLUMNS}).",
        ),
    ] = None,
    camera: Annotated[
        str | None,
        typer.Option(
            "--camera",
            metavar="NAME",
            rich_help_panel=_PICTURE,
            help="One of the model's cameras (default: its first).",
        ),
    ] = None,
    fine: Annotated[
        bool,
        typer.Option(
            "--fine",
            rich_help_panel=_PICTURE,
            help="Smooth edges and shadows; takes several times as long without a GPU.",
        ),
    ] = False,
) -> int:
    """Play a checkpoint and draw it, without a screen: by EGL, else by OSMesa.

    The episode of a seed is the one that `evaluate` plays.
    """
    from mesosweep.plugins import Registry
    from mesosweep.worker.rendering import Look, record

    kind = kind_of(out)
    check_apply(kind, {"--fps": fps, "--frames": frames, "--every": every, "--columns": columns})
    look = Look(*size_of(size, kind), camera, fine)
    _can_draw()
    opened = open_named(bundle, flags, stage=stage, registry=Registry())
    if opened.species.body is None:
        said = {"--size": size, "--camera": camera, "--fine": fine or None}
        check_unsaid(said, why=f"species '{opened.species.name}' draws its own pictures")
    recordings = [record(opened, number) for number in range(seed, seed + episodes)]
    path = out or Path(f"{opened.species.name}-stage{opened.stage.number}{kind.suffix}")
    if kind is STRIP:
        drawn = _strip(
            path,
            opened,
            recordings,
            look,
            frames=frames or FRAMES,
            every=every,
            columns=columns or COLUMNS,
        )
    else:
        drawn = _film(path, opened, recordings, look, fps=fps or kind.fps)
    for recording in recordings:
        print(_outcome(recording.episode, recording.steps_per_s))
    print(f"{path}: {drawn}")
    return 0


def _can_draw() -> None:
    """Raise NoPicture where MuJoCo itself cannot be imported with the GL that MUJOCO_GL names."""
    from mesosweep.domain.errors import ExtraMissing
    from mesosweep.envs.no_picture import NoPicture

    try:
        import mujoco  # noqa: F401  # whether it can be
    except ModuleNotFoundError as cause:
        raise ExtraMissing("mesosweep render", cause.name or "mujoco", "train") from cause
    except Exception as cause:  # each GL library that is missing fails in its own way
        raise NoPicture(cause) from cause


def _film(
    path: Path, opened: Opened, recordings: Sequence[Recording], look: Look, *, fps: float
) -> str:
    from mesosweep.worker.film import write_gif, write_mp4
    from mesosweep.worker.rendering import draw

    rate = recordings[0].steps_per_s
    stride = max(1, round(rate / fps))
    moments = [moment for recording in recordings for moment in recording.moments[::stride]]
    write = write_mp4
    if path.suffix.lower() == ANIMATION.suffix:
        check_fits(len(moments), (look.width, look.height))
        write = write_gif
    count = write(path, draw(opened, moments, look), fps=rate / stride)
    return f"{count} pictures, {rate / stride:g} a second"


def _strip(
    path: Path,
    opened: Opened,
    recordings: Sequence[Recording],
    look: Look,
    *,
    frames: int,
    every: float | None,
    columns: int,
) -> str:
    from mesosweep.worker.film import write_png
    from mesosweep.worker.rendering import draw, spread, strip

    chosen = []
    for recording in recordings:
        last = len(recording.moments) - 1
        if every is None:
            places = spread(last + 1, frames)
        else:
            stride = max(1, round(every * recording.steps_per_s))
            places = tuple(range(last, -1, -stride))[:frames][::-1]
        chosen += [recording.moments[place] for place in places]
    check_fits(len(chosen), (look.width, look.height))
    pictures = list(draw(opened, chosen, look))
    write_png(path, strip(pictures, columns))
    return f"{len(pictures)} pictures"


def _outcome(episode: Episode, steps_per_s: float) -> str:
    from mesosweep.report.words import number

    return (
        f"seed {episode.seed}: {episode.reason} after {episode.length / steps_per_s:.1f} s, "
        f"reward {number(episode.reward)}"
    )
