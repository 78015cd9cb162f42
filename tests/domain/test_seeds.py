"""What is trained on is never judged on."""

from __future__ import annotations

from itertools import combinations, product
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesosweep.domain.seeds import Evidence, evidence_seeds, training_seed

KINDS: tuple[Evidence, ...] = get_args(Evidence)
SEEDS = st.integers(0, 2**31)
STAGES = st.integers(1, 99)


def test_no_two_blocks_of_a_sweep_share_a_seed() -> None:
    blocks = [
        evidence_seeds(kind, sweep_seed=42, stage=stage, count=10_000)
        for kind, stage in product(KINDS, range(1, 20))
    ]

    for one, other in combinations(blocks, 2):
        assert not range(max(one[0], other[0]), min(one[-1], other[-1]) + 1)


@given(kind=st.sampled_from(KINDS), seed=SEEDS, stage=STAGES)
def test_evidence_lies_above_every_training_seed_and_fits_32_bits(
    kind: Evidence, seed: int, stage: int
) -> None:
    block = evidence_seeds(kind, sweep_seed=seed, stage=stage, count=10_000)

    assert block[0] >= 10**9
    assert block[-1] < 2**32


@given(seed=SEEDS, stage=STAGES, trial=st.integers(0, 10**6))
def test_a_training_seed_is_fixed_by_what_names_the_trial(
    seed: int, stage: int, trial: int
) -> None:
    drawn = training_seed(sweep_seed=seed, stage=stage, attempt=0, trial=trial)

    assert drawn == training_seed(sweep_seed=seed, stage=stage, attempt=0, trial=trial)
    assert 0 <= drawn < 10**9


def test_trials_train_on_different_seeds() -> None:
    drawn = {
        training_seed(sweep_seed=1, stage=stage, attempt=a, trial=trial)
        for stage, a, trial in product((1, 2, 3), (0, 1), range(100))
    }

    assert len(drawn) == 600


def test_a_block_that_would_run_into_the_next_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 10000"):
        evidence_seeds("panel", sweep_seed=1, stage=1, count=10_001)
