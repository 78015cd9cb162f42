"""The page as one file that needs nothing else: no network, no fonts, no scripts from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from mesosweep import __version__
from mesosweep.report.page import chain, charts, effort, proof
from mesosweep.report.page.again import again
from mesosweep.report.page.charts import Number
from mesosweep.report.page.importance import (
    FEWEST,
    WITHOUT_SKLEARN,
    has_sklearn,
    importances,
)
from mesosweep.report.page.markup import Markup, joined, tag
from mesosweep.report.page.overview import headline, searched
from mesosweep.report.page.repeats import repeats
from mesosweep.report.page.skills import skills
from mesosweep.report.page.sweep import Stage, Sweep
from mesosweep.report.page.trials import tip, trial_table
from mesosweep.report.page.videos import films_of, gallery, how_to_make_one
from mesosweep.report.results.rows import Row
from mesosweep.report.words import many


def page(sweeps: Sequence[Sweep], *, written_at: datetime, films: Sequence[Path] = ()) -> str:
    """Return the whole page. `films` are videos to show beside those that lie in the folders."""
    numbers: dict[int, int] = {}
    tips: list[str] = []
    for sweep in sweeps:
        for row in sweep.rows:
            numbers[id(row)] = len(tips)
            tips.append(tip(row))

    def number_of(row: Row) -> int:
        return numbers[id(row)]

    names = [sweep.title for sweep in sweeps]
    body = joined(
        (
            _between_sweeps(names),
            *(
                _chapter(place, sweep, number_of, films if place == 0 else ())
                for place, sweep in enumerate(sweeps)
            ),
            tag(
                "footer",
                f"Written by mesosweep {__version__} on {written_at:%-d %B %Y, %H:%M} UTC.",
            ),
            tag("div", id="tip", hidden=""),
            tag("script", _data(tips), type="application/json", id="tips"),
            tag("script", Markup(_resource("behaviour.js"))),
        )
    )
    head = joined(
        (
            tag("meta", charset="utf-8"),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("title", f"{', '.join(names)} – mesosweep"),
            tag("style", Markup(_resource("style.css"))),
        )
    )
    return f"<!doctype html>\n{tag('html', tag('head', head), tag('body', body), lang='en')}\n"


def _chapter(place: int, sweep: Sweep, number_of: Number, films: Sequence[Path]) -> Markup:
    parts: list[tuple[str, str, str, Markup]] = [
        ("found", "Found", "What was searched and found", _by_stage(sweep, searched)),
        (
            "proof",
            "Proof",
            "How good it is, honestly",
            joined(
                (
                    tag("p", proof.EXPLAINED),
                    _by_stage(sweep, lambda stage: proof.proof(stage, number_of)),
                    tag("p", proof.EXPLAINED_GAP, class_="quiet"),
                )
            ),
        ),
        ("repeats", "Repeats", "Trained again from fresh seeds", repeats(sweep)),
        (
            "chain",
            "Chain",
            "From stage to stage",
            joined(
                (
                    chain.chain(sweep),
                    tag("p", chain.EXPLAINED, class_="quiet"),
                    tag("h3", "What is left of the earlier skills"),
                    skills(sweep),
                )
            ),
        ),
        (
            "video",
            "Video",
            "The winners at work",
            gallery(films_of(sweep, films), hint=how_to_make_one(sweep)),
        ),
        ("curves", "Curves", "Learning curves", _curves(sweep, number_of)),
        (
            "mattered",
            "Parameters",
            "What mattered",
            _by_stage(sweep, lambda stage: _mattered(stage, number_of)),
        ),
        ("trials", "Trials", "Every trial", trial_table(sweep, number_of)),
        ("effort", "Effort", "What it took", effort.effort(sweep)),
        ("failures", "Failures", "What went wrong", effort.failures(sweep)),
        ("again", "Again", "To do it again", again(sweep)),
    ]
    links = [tag("a", short, href=f"#{name}{place}") for name, short, _, _ in parts]
    sections = [
        tag("section", tag("h2", title), content, id=f"{name}{place}")
        for name, _, title, content in parts
    ]
    return tag(
        "main", tag("header", headline(sweep)), tag("nav", *links), *sections, id=f"sweep{place}"
    )


def _by_stage(sweep: Sweep, told: Callable[[Stage], Markup]) -> Markup:
    return joined(
        tag("div", tag("h3", f"Stage {stage.title}"), told(stage), class_=f"stage s{stage.number}")
        for stage in sweep.stages
    )


def _curves(sweep: Sweep, number_of: Number) -> Markup:
    drawn = [
        tag(
            "figure",
            drawing,
            tag("figcaption", f"Stage {stage.title}. The winner stands out."),
            class_=f"s{stage.number}",
        )
        for stage in sweep.stages
        if (drawing := charts.learning_curves(stage, number_of)) is not None
    ]
    if not drawn:
        return tag("p", "No trial has written its progress.", class_="quiet")
    return tag("div", *drawn, class_="charts")


def _mattered(stage: Stage, number_of: Number) -> Markup:
    found = importances(stage.rows, stage.space)
    bars = charts.importance_bars(found)
    scored = sum(row.score is not None for row in stage.rows)
    caption = "; ".join(f"{told.method}: {told.meaning}" for told in found)
    missing = "" if has_sklearn() else f" {WITHOUT_SKLEARN}"
    threads = charts.parallel_coordinates(stage, number_of)
    drawn = charts.slices(stage, number_of)
    are = "is" if scored == 1 else "are"
    few = (
        f"{many(scored, 'scored trial')} {are} too few to say which parameter matters (at least "
        f"{FEWEST})."
    )
    return joined(
        (
            tag("figure", bars, tag("figcaption", f"Importance. {caption}.{missing}"))
            if bars
            else tag("p", few, class_="quiet")
            if scored < FEWEST
            else None,
            tag("div", *drawn, class_="charts small") if drawn else None,
            tag(
                "figure",
                tag("div", threads, class_="scroll"),
                tag("figcaption", "One line per trial; the darker, the better its score."),
            )
            if threads
            else None,
        )
    )


def _between_sweeps(names: list[str]) -> Markup | None:
    if len(names) < 2:
        return None
    return tag(
        "nav", *(tag("a", name, href=f"#sweep{n}") for n, name in enumerate(names)), class_="sweeps"
    )


def _data(told: object) -> Markup:
    # `</script>` within a string would end the element.
    return Markup(
        json.dumps(told, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    )


def _resource(name: str) -> str:
    return (files("mesosweep.report.page") / name).read_text(encoding="utf-8")
