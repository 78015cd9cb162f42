"""The velociraptor, as mesosweep meets it: names, settings and measured baselines; no simulation."""

from __future__ import annotations

from mesosweep.api import Species
from mesosweep_velociraptor.baselines import BASELINES
from mesosweep_velociraptor.settings import SETTINGS, TASK_KEYS

SPECIES = Species(
    name="velociraptor",
    summary="13 kg, two legs, 22 servos: balance, locomotion, and a strike with the sickle claws",
    stages="mesosweep_velociraptor:stages",
    body="mesosweep_velociraptor.body:BODY",
    task="strike",
    task_keys=TASK_KEYS,
    settings=SETTINGS,
    baselines=BASELINES,
)

__all__ = ["SPECIES"]
