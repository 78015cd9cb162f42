"""Every env setting of the T. rex, with its unit, and which of them define the task."""

from __future__ import annotations

from mesosweep.terms.settings import walker_settings

_WALKER, TASK_KEYS = walker_settings("bite")

SETTINGS: dict[str, str] = {
    **_WALKER,
    "off_course_weight": "penalty per step for the angle between body and goal, in full from 1 rad",
}
