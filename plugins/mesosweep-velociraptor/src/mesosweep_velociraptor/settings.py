"""Every env setting of the velociraptor, with its unit, and which of them define the task."""

from __future__ import annotations

from mesosweep.terms.settings import walker_settings

SETTINGS, TASK_KEYS = walker_settings("strike")
