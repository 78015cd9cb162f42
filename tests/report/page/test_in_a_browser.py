"""The page as a person sees it, in headless Chromium: on a desk and on a telephone.

`REPORT_OF=DIR` opens the report of a sweep of yours, `SCREENSHOTS=DIR` keeps what was seen;
`nox -s page` does both.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mesosweep.report.page.document import page
from mesosweep.report.page.sweep import sweeps_below
from mesosweep.testing.browser import Browser, Opened, browser, chromium
from mesosweep.testing.sweeps import MadeUp, make_up_sweep

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        chromium() is None,
        reason="there is no Chromium here: apt install chromium, or set CHROMIUM to one",
    ),
]
WIDTHS = (1400, 390)
# What is drawn lies within its own box, and is not empty.
FLAT = """[...document.querySelectorAll('svg.chart')].filter((chart) => {
  const box = chart.getBoundingClientRect();
  const marks = chart.querySelectorAll('circle, polyline, rect, path, line');
  const ink = [...marks].map((mark) => mark.getBoundingClientRect());
  const shown = ink.filter((i) => (i.width > 0 || i.height > 0) &&
    i.left >= box.left - 2 && i.right <= box.right + 2 &&
    i.top >= box.top - 2 && i.bottom <= box.bottom + 2);
  return box.width < 150 || box.height < 40 || marks.length < 3 || shown.length < marks.length;
}).map((chart) => chart.querySelector('title').textContent)"""
# A text that runs out of its drawing is cut off, and nobody can scroll to it.
CUT_OFF = """[...document.querySelectorAll('svg.chart text')].filter((text) => {
  const box = text.closest('svg').getBoundingClientRect();
  const ink = text.getBoundingClientRect();
  return ink.left < box.left - 2 || ink.right > box.right + 2;
}).map((text) => text.textContent)"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a sweep, written as `mesosweep report` writes it."""
    said = os.environ.get("REPORT_OF")
    root = Path(said) if said else make_up_sweep(tmp_path_factory.mktemp("made"), MadeUp(trials=12))
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page(sweeps_below(root), written_at=datetime.now(UTC)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def window() -> Iterator[Browser]:
    program = chromium()
    assert program is not None
    with browser(program) as started:
        yield started


@pytest.fixture(params=WIDTHS, ids=lambda width: f"{width} px")
def opened(window: Browser, report: Path, request: pytest.FixtureRequest) -> Iterator[Opened]:
    with window.opened(report, width=request.param) as found:
        if shots := os.environ.get("SCREENSHOTS"):
            found.shoot(Path(shots) / f"report-{found.width}.png")
        yield found


def test_it_asks_for_nothing_but_itself_and_complains_of_nothing(
    opened: Opened, report: Path
) -> None:
    assert opened.requests[0] == report.as_uri()
    assert [uri for uri in opened.requests[1:] if not uri.startswith("data:")] == []
    assert opened.complaints == []


def test_it_never_scrolls_sideways(opened: Opened) -> None:
    assert opened.ask("document.documentElement.scrollWidth") <= opened.width


def test_every_plot_is_drawn_and_no_label_is_cut_off(opened: Opened) -> None:
    assert opened.ask("document.querySelectorAll('svg.chart').length") >= 10
    assert opened.ask(FLAT) == []
    assert opened.ask(CUT_OFF) == []


def test_pointing_at_a_trial_shows_it_everywhere(opened: Opened) -> None:
    script = """(() => {
      const dot = document.querySelector('svg.chart circle[data-t]');
      const same = `[data-t="${dot.dataset.t}"]`;
      dot.dispatchEvent(new PointerEvent('pointerover', {bubbles: true, clientX: 5, clientY: 5}));
      const lit = document.querySelectorAll('.lit').length;
      const tip = document.getElementById('tip');
      return [lit === document.querySelectorAll(same).length, tip.hidden, tip.textContent];
    })()"""

    same, is_hidden, words = opened.ask(script)

    assert same
    assert not is_hidden
    assert words.startswith("stage 1, trial ")


def test_the_table_of_trials_can_be_sorted(opened: Opened) -> None:
    script = """(() => {
      const table = document.querySelector('table.sortable');
      const place = [...table.tHead.rows[0].cells].findIndex((c) => c.textContent === 'search');
      table.tHead.rows[0].cells[place].click();
      return [...table.tBodies[0].rows].map((row) => Number(row.cells[place].dataset.v));
    })()"""

    scores = opened.ask(script)

    assert len(scores) > 1
    assert scores == sorted(scores, reverse=True)
