"""Two species as a plugin would declare them."""

from __future__ import annotations

from mesosweep.api import Species

HOPPER = Species(
    name="hopper",
    summary="hops to a prey on one leg",
    stages="hopper_species:stages",
    body="hopper_species.plant:BODY",
)
POLE = Species(
    name="pole",
    summary="an ordinary Gymnasium env",
    stages="hopper_species:stages",
    make_env="hopper_species.pole:make_env",
)
