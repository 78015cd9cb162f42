"""Seed blocks that cannot meet: what is trained on is never judged on.

Every random thing of a sweep descends from one sweep seed. Training uses seeds
below `10**9`; each kind of evidence owns a range of its own above that. Blocks
depend on the sweep seed and the stage only, so that all trials of a study face
the same episodes (common random numbers) and a resumed one faces them again.
"""

from __future__ import annotations

import hashlib
from typing import Literal, TypeAlias

Evidence: TypeAlias = Literal["select", "panel", "test", "proof"]

_BLOCK = 10_000
"""Longest block of one kind of evidence for one stage."""
_STAGES = 100
_SWEEPS = 500
_FIRST: dict[str, int] = {
    "select": 1_000_000_000,
    "panel": 1_600_000_000,
    "test": 2_200_000_000,
    "proof": 2_800_000_000,
}


def evidence_seeds(evidence: Evidence, *, sweep_seed: int, stage: int, count: int) -> range:
    """Return the episode seeds of one kind of evidence on one stage.

    `select`: evaluations during training. `panel`: once, when training ends, to
    choose among trials. `test`: once, for the winner alone. `proof`: for configurations
    that are trained anew from other seeds.
    """
    if not 0 <= count <= _BLOCK:
        raise ValueError(f"a block of evidence holds at most {_BLOCK} episodes (got {count})")
    if not 0 <= stage < _STAGES:
        raise ValueError(f"stage must lie in [0, {_STAGES}) (got {stage})")
    block = (sweep_seed % _SWEEPS) * _STAGES + stage
    start = _FIRST[evidence] + block * _BLOCK
    return range(start, start + count)


def is_evidence(seed: int) -> bool:
    """Whether a seed lies where sweeps have their evidence: such an episode is not fresh."""
    return seed >= min(_FIRST.values())


def training_seed(*, sweep_seed: int, stage: int, attempt: int, trial: int) -> int:
    """Return the seed of one trial's training: network, exploration and episodes."""
    text = f"{sweep_seed}/{stage}/{attempt}/{trial}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") % 1_000_000_000
