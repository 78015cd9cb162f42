"""TPE starts evenly, learns from what is on record, and keeps nothing to itself."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from contextlib import redirect_stderr
from statistics import median

from mesosweep.domain.space import Assignment, Double, SearchSpace
from mesosweep.domain.trial import Trial
from mesosweep.ports import Sampler
from mesosweep.samplers.random import RandomSampler
from mesosweep.samplers.tpe import TPESampler, lesson, startup
from mesosweep.testing.sampler import SamplerSuite, a_trial

SQUARE = SearchSpace({"x": Double(-3, 3), "y": Double(-3, 3)})


class TestTPESampler(SamplerSuite):
    sampler = TPESampler()

    def test_a_start_up_of_a_quarter_is_followed_by_the_model(self) -> None:
        origins = [trial.origin for trial in self.history(12)]

        assert origins == ["startup"] * 6 + ["model"] * 6

    def test_a_start_up_may_end_within_one_question(self) -> None:
        history = self.history(5)

        assert [origin for _, origin in self.ask(history, count=3)] == ["startup", "model", "model"]

    def test_given_trials_do_not_count_as_start_up(self) -> None:
        given = [a_trial(0, self.history(1)[0].assignment, origin="default")]

        origins = [origin for _, origin in self.ask(given, count=7, total=24)]

        assert origins == ["startup"] * 6 + ["model"]

    def test_asking_for_more_trials_later_starts_no_second_start_up(self) -> None:
        history = self.history(12)

        assert {origin for _, origin in self.ask(history, total=40)} == {"model"}

    def test_until_something_scored_the_start_up_goes_on(self) -> None:
        failed = [
            a_trial(number, trial.assignment, status="failed", reward=None)
            for number, trial in enumerate(self.history(12))
        ]
        assert {origin for _, origin in self.ask(failed)} == {"startup"}

    def test_what_others_are_trying_right_now_changes_the_answer(self) -> None:
        history = self.history(12)
        ((point, _),) = self.ask(history, count=1)

        ((next_point, _),) = self.ask([*history, a_trial(12, point, status="running")], count=1)

        assert next_point != point


def test_a_short_study_starts_with_three() -> None:
    assert [startup(n) for n in (1, 12, 20, 100)] == [3, 3, 5, 25]


def test_the_panel_teaches_where_there_is_one() -> None:
    assert lesson(a_trial(0, {}, reward=3.0)) == 3.0
    assert lesson(a_trial(0, {}, status="stopped", reward=2.0)) == 2.0
    assert lesson(a_trial(0, {}, status="running", reward=2.0)) is None
    assert lesson(a_trial(0, {}, status="diverged", reward=900.0)) is None
    assert lesson(a_trial(0, {}, reward=float("nan"))) is None


def test_it_beats_random_search_on_a_smooth_hill() -> None:
    ours = [_best_found(TPESampler(), seed) for seed in range(7)]
    theirs = [_best_found(RandomSampler(), seed) for seed in range(7)]

    assert median(ours) > median(theirs)
    assert sum(a > b for a, b in zip(ours, theirs, strict=True)) >= 5


def test_a_region_that_always_fails_is_avoided() -> None:
    history: list[Trial] = []
    for number in range(40):
        ((point, origin),) = TPESampler().suggest(SQUARE, history, count=1, total=40, seed=3)
        fails = float(point["x"]) > 0
        history.append(
            a_trial(
                number,
                point,
                status="failed" if fails else "finished",
                reward=None if fails else 1.0,
                origin=origin,
            )
        )

    chosen = [float(trial.assignment["x"]) > 0 for trial in history if trial.origin == "model"]
    assert sum(chosen) / len(chosen) < 0.25


def test_optuna_stays_silent_and_its_settings_stay_as_they_were() -> None:
    import optuna

    optuna.logging.set_verbosity(logging.INFO)
    heard = io.StringIO()
    with redirect_stderr(heard):
        suite = TestTPESampler()
        suite.ask(suite.history(12))

    assert heard.getvalue() == ""
    assert optuna.logging.get_verbosity() == logging.INFO


def test_naming_the_sampler_costs_no_optuna() -> None:
    code = (
        "import sys; from mesosweep.samplers.tpe import TPESampler; TPESampler(); "
        "sys.exit('optuna' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_numpys_global_generator_is_left_alone() -> None:
    import numpy as np

    suite = TestTPESampler()
    history = suite.history(12)
    before = np.random.get_state(legacy=False)["state"]["pos"]
    suite.ask(history)

    assert np.random.get_state(legacy=False)["state"]["pos"] == before


def _best_found(sampler: Sampler, seed: int) -> float:
    history: list[Trial] = []
    for number in range(30):
        ((point, origin),) = sampler.suggest(SQUARE, history, count=1, total=30, seed=seed)
        history.append(a_trial(number, point, reward=_hill(point), origin=origin))
    return max(value for trial in history if (value := lesson(trial)) is not None)


def _hill(point: Assignment) -> float:
    return -((float(point["x"]) - 1.2) ** 2) - 2 * (float(point["y"]) + 0.7) ** 2
