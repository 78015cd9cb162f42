"""The T. rex, as mesosweep meets it: names, settings and measured baselines; no simulation."""

from __future__ import annotations

from mesosweep.api import Species
from mesosweep_trex.baselines import BASELINES
from mesosweep_trex.settings import SETTINGS, TASK_KEYS

SPECIES = Species(
    name="trex",
    env_id="mesosweep/TRex-v0",
    summary="82 kg, two legs, 18 servos: balance, locomotion, and a bite with its jaws",
    stages="mesosweep_trex:stages",
    body="mesosweep_trex.body:BODY",
    task="bite",
    task_keys=TASK_KEYS,
    settings=SETTINGS,
    baselines=BASELINES,
)

__all__ = ["SPECIES"]
