"""How a backend is opened: its factory is given what it asks for, out of what the house offers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from mesosweep.domain.errors import PluginError, did_you_mean
from mesosweep.ports.running import Backend

OFFERED: Mapping[str, str] = {
    "plan": "the `SweepPlan` whose studies it will run; what its own flags said is `plan.job`",
    "registry": "the plugins",
    "sampler": "what the plan chooses trials with, for a place that does not choose itself",
    "clock": "time",
    "bucket": "objects by their address, for a sweep whose root is in a bucket",
    "trial_s": "stage → seconds that one of its trials is expected to take, where that is known",
    "hurry": "by how much waits are shortened: 1, but more in a rehearsal",
}
"""What a factory may ask for, by the names of its keyword parameters."""


def opened(
    factory: Callable[..., Any], offers: Mapping[str, Callable[[], Any]], *, name: str
) -> Backend:
    """Call a backend's factory with what it names; what it does not name is not even made.

    Raises:
        PluginError: it names something else.
    """
    wanted = inspect.signature(factory).parameters.values()
    for parameter in wanted:
        if parameter.name not in offers and parameter.default is parameter.empty:
            raise PluginError(
                f"Backend '{name}' asks for '{parameter.name}', which mesosweep does not offer.",
                hint=f"{did_you_mean(parameter.name, OFFERED)}Offered: {', '.join(OFFERED)}.",
            )
    backend: Backend = factory(**{p.name: offers[p.name]() for p in wanted if p.name in offers})
    return backend
