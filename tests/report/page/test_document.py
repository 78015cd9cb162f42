"""The page holds everything, needs nothing, and says nothing that was not measured."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mesosweep.report.page.document import page
from mesosweep.report.page.sweep import sweeps_below
from mesosweep.report.page.videos import films_of, gallery
from mesosweep.report.results.commands import remember
from mesosweep.testing.sweeps import MadeUp, make_up_sweep

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
VOID = {"meta", "br", "hr", "img", "link", "line", "rect", "circle", "polyline", "path"}


class Checked(HTMLParser):
    """Reads a page, notes its words and addresses, and fails on elements that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.addresses += [told[name] or "" for name in ("src", "href") if name in told]
        if told.get("id"):
            self.ids.append(told["id"] or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).replace("\u00a0", " ").split())


def checked(root: Path, *films: Path) -> Checked:
    return Checked(page(sweeps_below(root), written_at=NOW, films=films))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_up_sweep(tmp_path_factory.mktemp("sweep"), MadeUp(trials=14))


def test_it_is_well_formed_and_has_all_its_chapters(whole: Path) -> None:
    found = checked(whole)

    for title in (
        "What was searched and found",
        "How good it is, honestly",
        "From stage to stage",
        "The winners at work",
        "Learning curves",
        "What mattered",
        "Every trial",
        "What it took",
        "What went wrong",
        "To do it again",
    ):
        assert title in found.text
    inside = [address[1:] for address in found.addresses if address.startswith("#")]
    assert inside
    assert set(inside) <= set(found.ids)


def test_it_asks_nothing_of_the_network(whole: Path) -> None:
    text = page(sweeps_below(whole), written_at=NOW)

    found = Checked(text)
    assert all(address.startswith(("#", "data:")) for address in found.addresses)
    assert not re.search(r"https?://|@import|url\(|fetch\(|XMLHttp", text)


def test_the_honest_numbers_are_those_of_the_state(whole: Path) -> None:
    state = json.loads((whole / "sweep_state_velociraptor_ppo.json").read_text())
    verified = state["stages"][0]["verified"]["winner"]

    text = checked(whole).text

    half = 1.96 * verified["std_reward"] / verified["episodes"] ** 0.5
    assert f"{verified['mean_reward']:.1f} ± {half:.1f}" in text
    assert "the winner: search − verified" in text
    assert "over doing nothing" in text
    assert state["fingerprint"] in text


def test_each_trial_is_in_the_table(whole: Path) -> None:
    text = page(sweeps_below(whole), written_at=NOW)

    assert len(re.findall(r"<tr data-t=", text)) == 3 * 14


def test_an_earlier_skill_that_is_lost_can_be_seen(whole: Path) -> None:
    text = checked(whole).text

    assert "2 locomotion: from the winner before on the same test episodes on arrival" in text
    assert "episodes of full length 30% 100% +70 points" in text or "points" in text


def test_failures_are_told_by_cause(tmp_path: Path) -> None:
    root = make_up_sweep(tmp_path, MadeUp(trials=3))
    for number, step in enumerate((1200, 3400, 90)):
        path = root / "stage2" / str(number) / "metrics.json"
        record = json.loads(path.read_text())
        reason = f"Traceback\n  line 5\nRuntimeError: NaN at step {step}"
        path.write_text(json.dumps({**record, "status": "failed", "reason": reason}))

    text = checked(root).text

    assert "failed 3 RuntimeError: NaN at step 1200" in text
    assert "stage2/0, stage2/1, stage2/2" in text


def test_what_a_record_says_cannot_become_markup(tmp_path: Path) -> None:
    root = make_up_sweep(tmp_path, MadeUp(trials=2))
    path = root / "stage1" / "1" / "metrics.json"
    evil = "</script><script>alert(1)</script>"
    record = {**json.loads(path.read_text()), "status": "failed", "reason": evil}
    record["assignment"] = {"ppo_net_arch": evil}
    path.write_text(json.dumps(record))

    text = page(sweeps_below(root), written_at=NOW)

    assert evil not in text
    assert evil in checked(root).text


def test_a_sweep_without_a_saved_state_is_told_from_its_trials(tmp_path: Path) -> None:
    root = make_up_sweep(tmp_path, MadeUp(trials=4))
    (root / "sweep_state_velociraptor_ppo.json").unlink()

    text = checked(root).text

    assert "No stage has a winner yet." in text
    assert "is the best so far" in text
    assert "The winner has not been verified yet." in text


def test_one_unfinished_trial_is_a_page_too(tmp_path: Path) -> None:
    (tmp_path / "moa" / "stage1" / "1").mkdir(parents=True)

    text = checked(tmp_path / "moa").text

    assert "No trial has a score." in text
    assert "no metrics.json; it had not begun" in text


def test_a_stage_that_started_from_a_former_winner_is_called_stale(tmp_path: Path) -> None:
    root = make_up_sweep(tmp_path, MadeUp(trials=2))
    assert "stale" not in checked(root).text
    path = root / "sweep_state_velociraptor_ppo.json"
    state = json.loads(path.read_text())
    state["stages"][1]["parent"] = "stage1/99/models/best_model.zip"
    path.write_text(json.dumps(state))

    assert "stale: a stage before it has another winner by now" in checked(root).text


def test_several_sweeps_share_one_page(tmp_path: Path) -> None:
    make_up_sweep(tmp_path, MadeUp(trials=2))
    make_up_sweep(tmp_path, MadeUp(trials=2, algorithm="sac"))

    found = checked(tmp_path)

    assert "velociraptor · ppo" in found.text
    assert "velociraptor · sac" in found.text
    assert len(found.ids) == len(set(found.ids))


def test_attempts_that_were_given_up_are_counted_and_not_mixed_in(tmp_path: Path) -> None:
    root = make_up_sweep(tmp_path, MadeUp(trials=2))
    old = root / "stage3_a5" / "0"
    old.mkdir(parents=True)
    (old / "metrics.json").write_text(json.dumps({"best_mean_reward": 1e6, "steps_trained": 5}))

    (sweep,) = sweeps_below(root)

    assert [row.attempt for row in sweep.others] == [5]
    assert all(row.attempt == 0 for row in sweep.rows)
    assert "other attempts and launches 1" in checked(root).text


def test_the_exact_command_is_told_where_it_was_kept(tmp_path: Path) -> None:
    root = make_up_sweep(tmp_path, MadeUp(trials=1))
    assert "The sweep's own command was not kept" in checked(root).text

    remember(root, ["run-all", "--species", "velociraptor", "--trials", "1"], now=NOW)

    text = checked(root).text
    assert "mesosweep run-all --species velociraptor --trials 1" in text
    assert "2026-03-02T09:30:00+00:00" in text


class TestFilms:
    def test_a_video_beside_the_stages_is_carried_inside_the_page(self, tmp_path: Path) -> None:
        root = make_up_sweep(tmp_path, MadeUp(trials=1))
        (root / "stage3.mp4").write_bytes(b"a film")

        found = checked(root)

        source = f"data:video/mp4;base64,{base64.b64encode(b'a film').decode()}"
        assert source in found.addresses
        assert "stage 3 strike" in found.text

    def test_a_winners_own_pictures_are_found(self, tmp_path: Path) -> None:
        root = make_up_sweep(tmp_path, MadeUp(trials=1))
        (root / "stage1" / "0" / "gait.png").write_bytes(b"a picture")
        (root / "sweep_trial_metrics.png").write_bytes(b"a plot")

        (film,) = films_of(sweeps_below(root)[0])

        assert film.caption == "stage 1 balance, trial 0"

    def test_a_film_of_any_name_in_the_sweeps_folder_is_found_once(self, tmp_path: Path) -> None:
        root = make_up_sweep(tmp_path, MadeUp(trials=1))
        (root / "the_hunt.mp4").write_bytes(b"a film")
        (root / "stage3.mp4").write_bytes(b"another")

        films = films_of(sweeps_below(root)[0])

        assert [film.caption for film in films] == ["stage 3 strike", "the hunt"]

    def test_what_is_too_large_is_named_and_left_out(self, tmp_path: Path) -> None:
        root = make_up_sweep(tmp_path, MadeUp(trials=1))
        (root / "stage3.mp4").write_bytes(b"x" * 600)
        (root / "stage2.mp4").write_bytes(b"x" * 500)

        text = gallery(films_of(sweeps_below(root)[0]), hint="", budget=1_000)

        assert text.count("data:video") == 1
        assert "stage2.mp4: 500 B, too large to be carried along" in text

    def test_without_one_the_page_says_how_to_make_one(self, tmp_path: Path) -> None:
        root = make_up_sweep(tmp_path, MadeUp(trials=1))

        text = checked(root).text

        assert f"mesosweep render {root / 'stage3' / '0'} --out {root / 'stage3.mp4'}" in text


def test_money_is_told_from_the_ledger(tmp_path: Path) -> None:
    root = make_up_sweep(tmp_path, MadeUp(trials=1))
    (root / "_ledger").mkdir()
    for stage, rate in ((1, 0.36), (2, None)):
        entry = {"stage": stage, "attempt": 0, "machine_s": 36_000.0, "usd_per_hour": rate}
        (root / "_ledger" / f"stage{stage}_a0.json").write_text(json.dumps(entry))

    text = checked(root).text

    assert "$3.60" in text
    assert "$3.60 and 1 job of unknown price" in text
