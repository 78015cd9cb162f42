"""The promises that every sampler keeps."""

from __future__ import annotations

import random
from collections.abc import Sequence

from mesosweep.domain.score import Score
from mesosweep.domain.space import (
    Assignment,
    Categorical,
    Discrete,
    Double,
    Integer,
    SearchSpace,
)
from mesosweep.domain.trial import Trial, TrialStatus
from mesosweep.ports import Sampler

SPACE = SearchSpace(
    {
        "rate": Double(1e-5, 3e-4, "log"),
        "gamma": Double(0.97, 0.999),
        "epochs": Integer(1, 20),
        "width": Integer(8, 512, "log"),
        "batch": Discrete((64, 128, 256)),
        "only": Discrete((7,)),
        "arch": Categorical(("small", "large")),
    }
)
"""One parameter of every kind and scale, and one without a choice."""


def a_trial(
    number: int,
    assignment: Assignment,
    *,
    status: TrialStatus = "finished",
    reward: float | None = 0.0,
    origin: str = "model",
) -> Trial:
    """Return a trial of a history; `reward` is its panel's mean when it finished."""
    finished = status == "finished" and reward is not None
    return Trial(
        trial_id=str(number),
        attempt=0,
        status=status,
        assignment=assignment,
        origin=origin,
        best_mean_reward=reward,
        panel=Score(30, reward or 0.0, 1.0, 100.0, 1.0) if finished else None,
    )


class SamplerSuite:
    """Derive a test class and give it `sampler`."""

    sampler: Sampler

    def history(self, length: int = 12) -> list[Trial]:
        """Return trials of every status, chosen by the sampler itself as in a sweep."""
        fates: tuple[TrialStatus, ...] = ("finished", "finished", "failed", "stopped", "diverged")
        history: list[Trial] = []
        for number in range(length):
            ((point, origin),) = self.sampler.suggest(
                SPACE, history, count=1, total=length * 2, seed=5
            )
            status = "running" if number >= length - 2 else fates[number % len(fates)]
            history.append(
                a_trial(number, point, status=status, reward=float(number), origin=origin)
            )
        return history

    def ask(
        self, history: Sequence[Trial], *, count: int = 3, seed: int = 5, total: int = 24
    ) -> list[tuple[Assignment, str]]:
        return list(self.sampler.suggest(SPACE, history, count=count, total=total, seed=seed))

    def test_every_point_lies_in_the_space(self) -> None:
        for trial in self.history(24):
            assert SPACE.problems(trial.assignment) == ()

    def test_as_many_points_as_asked_for(self) -> None:
        for history in ([], self.history()):
            assert [len(self.ask(history, count=n)) for n in (0, 1, 5)] == [0, 1, 5]

    def test_the_start_is_called_startup(self) -> None:
        assert {origin for _, origin in self.ask([], count=3)} == {"startup"}

    def test_origins_are_known_words(self) -> None:
        assert {origin for _, origin in self.ask(self.history())} <= {"startup", "model"}

    def test_the_same_question_has_the_same_answer(self) -> None:
        for history in ([], self.history()):
            assert self.ask(history) == self.ask(history)

    def test_the_answer_is_deaf_to_everybody_elses_random_numbers(self) -> None:
        history = self.history()

        random.seed(1)
        first = self.ask(history)
        random.seed(2)
        state = random.getstate()
        second = self.ask(history)

        assert first == second
        assert random.getstate() == state

    def test_another_seed_asks_elsewhere(self) -> None:
        assert self.ask([], seed=5) != self.ask([], seed=6)

    def test_points_asked_for_at_once_differ(self) -> None:
        for history in ([], self.history()):
            points = [tuple(sorted(point.items())) for point, _ in self.ask(history, count=4)]
            assert len(set(points)) == 4

    def test_one_by_one_points_differ_too(self) -> None:
        points = [tuple(sorted(trial.assignment.items())) for trial in self.history(12)]
        assert len(set(points)) == 12

    def test_the_first_choice_does_not_depend_on_what_else_was_asked_for(self) -> None:
        given = a_trial(0, self.ask([], count=1, seed=9)[0][0], status="running", origin="default")

        first = self.ask([], count=1)
        assert self.ask([], count=2)[:1] == first
        assert self.ask([given], count=1) == first

    def test_a_history_without_any_score_is_no_obstacle(self) -> None:
        failed = [
            a_trial(number, trial.assignment, status="failed", reward=None)
            for number, trial in enumerate(self.history())
        ]
        assert len(self.ask(failed)) == 3

    def test_trials_of_another_space_are_no_obstacle(self) -> None:
        strangers = [
            a_trial(100, {}, origin="default"),
            a_trial(101, {"rate": 1.0, "forgotten": 3}, origin="enqueued"),
            a_trial(102, {**self.history()[0].assignment, "rate": 7.0}, origin="enqueued"),
            a_trial(103, {**self.history()[0].assignment, "batch": "huge"}, origin="enqueued"),
        ]
        for point, _ in self.ask([*strangers, *self.history()]):
            assert SPACE.problems(point) == ()

    def test_scores_that_are_no_numbers_are_no_obstacle(self) -> None:
        spoilt = [
            a_trial(100, self.history()[0].assignment, reward=float("nan")),
            a_trial(101, self.history()[1].assignment, reward=float("inf")),
        ]
        assert len(self.ask([*self.history(), *spoilt])) == 3
