"""What all tests share: how long a property may take is the machine's business."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("mesosweep", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("mesosweep")
