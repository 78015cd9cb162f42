"""The brachiosaurus, as mesosweep meets it: names, settings and measured baselines; no simulation."""

from __future__ import annotations

from mesosweep.api import Species
from mesosweep_brachiosaurus.baselines import BASELINES
from mesosweep_brachiosaurus.settings import SETTINGS, TASK_KEYS

SPECIES = Species(
    name="brachiosaurus",
    summary="195 kg, four legs, 19 servos: balance, locomotion, and food that hangs high",
    stages="mesosweep_brachiosaurus:stages",
    body="mesosweep_brachiosaurus.body:BODY",
    task="food",
    task_keys=TASK_KEYS,
    settings=SETTINGS,
    baselines=BASELINES,
)

__all__ = ["SPECIES"]
