"""Plugins are found by name, loaded when named, and broken alone."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from mesosweep.domain.errors import (
    ExtraMissing,
    PluginAmbiguous,
    PluginBroken,
    PluginError,
    PluginNotFound,
    PluginTooNew,
)
from mesosweep.plugins import ALGORITHMS, KINDS, SAMPLERS, SPECIES, Registry, resolve

GOOD = """
from mesosweep.api import Species
SPECIES = Species(name="ratite", summary="A runner.", stages="ratite_species:stages")
MISNAMED = Species(name="emu", summary="Another.", stages="ratite_species:stages")
TOO_NEW = Species(name="moa", summary="From tomorrow.", stages="ratite_species:stages", api=99)
NOT_ONE = "a string"
def misnumbered():
    return Species(name="rhea", summary="", stages="ratite_species:stages", env_id="Rhea")
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on sys.path with a good species and one whose import raises."""
    before = set(sys.modules)
    (tmp_path / "ratite_species.py").write_text(GOOD)
    (tmp_path / "broken_species.py").write_text("raise RuntimeError('no claws today')")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.endswith("_species"):
            del sys.modules[name]


def point(name: str, value: str, group: str = "mesosweep.species") -> EntryPoint:
    return EntryPoint(name=name, value=value, group=group)


def test_names_are_read_without_importing_anything(installed: Path) -> None:
    registry = Registry([point("ratite", "ratite_species:SPECIES"), point("dodo", "no_such:X")])

    assert registry.names(SPECIES) == ("dodo", "ratite")
    assert "ratite_species" not in sys.modules


def test_a_plugin_is_returned_by_name(installed: Path) -> None:
    registry = Registry([point("ratite", "ratite_species:SPECIES")])

    assert registry.get(SPECIES, "ratite").summary == "A runner."


def test_an_unknown_name_is_answered_with_the_nearest_one() -> None:
    registry = Registry([point("ratite", "ratite_species:SPECIES")])

    with pytest.raises(PluginNotFound, match=r"No species 'ratit'. Installed: ratite.") as caught:
        registry.get(SPECIES, "ratit")

    assert "Did you mean 'ratite'?" in str(caught.value.hint)


def test_a_broken_species_does_not_spoil_the_others(installed: Path) -> None:
    registry = Registry(
        [point("dodo", "broken_species:SPECIES"), point("ratite", "ratite_species:SPECIES")]
    )

    with pytest.raises(PluginBroken, match="RuntimeError: no claws today"):
        registry.get(SPECIES, "dodo")

    assert registry.get(SPECIES, "ratite").name == "ratite"
    rows = {row.name: row.problem for row in registry.status(SPECIES, load=True)}
    assert rows["ratite"] is None
    assert "no claws today" in str(rows["dodo"])


@pytest.mark.parametrize(
    ("name", "attribute", "error", "told"),
    [
        ("ratite", "MISNAMED", PluginBroken, "calls itself 'emu'"),
        ("moa", "TOO_NEW", PluginTooNew, "speaks plugin contract 99"),
        ("ratite", "NOT_ONE", PluginBroken, "it is a str, not a Species"),
        ("ratite", "MISSING", PluginBroken, "AttributeError"),
    ],
)
def test_what_is_no_species_is_refused_with_the_reason(
    installed: Path, name: str, attribute: str, error: type[PluginError], told: str
) -> None:
    registry = Registry([point(name, f"ratite_species:{attribute}")])

    with pytest.raises(error, match=told):
        registry.get(SPECIES, name)


def test_two_distributions_with_one_name_are_both_named(installed: Path) -> None:
    registry = Registry(
        [point("ratite", "ratite_species:SPECIES"), point("ratite", "ratite_species:OTHER")]
    )

    with pytest.raises(PluginAmbiguous, match="2 distributions"):
        registry.get(SPECIES, "ratite")


def test_a_factory_must_be_callable(installed: Path) -> None:
    registry = Registry([point("x", "ratite_species:NOT_ONE", "mesosweep.samplers")])

    with pytest.raises(PluginBroken, match="not callable"):
        registry.get(SAMPLERS, "x")


def test_a_failed_import_is_not_remembered(installed: Path) -> None:
    registry = Registry([point("late", "late_species:SPECIES")])
    with pytest.raises(PluginBroken):
        registry.get(SPECIES, "late")

    (installed / "late_species.py").write_text(GOOD.replace("ratite", "late", 1))

    assert registry.get(SPECIES, "late").name == "late"


def test_built_ins_come_through_the_same_door() -> None:
    registry = Registry()

    assert {"ppo", "sac"} <= set(registry.names(ALGORITHMS))
    assert {"random", "tpe"} <= set(registry.names(SAMPLERS))
    assert len(KINDS) == 5


def test_a_missing_extra_is_called_by_its_name(installed: Path) -> None:
    (installed / "needs_absent_package.py").write_text("import absent_package")

    with pytest.raises(ExtraMissing, match="needs absent_package") as caught:
        resolve("needs_absent_package:x", what="Backend 'vertex'", extra="vertex")

    assert "pip install 'mesosweep[vertex]'" in str(caught.value.hint)


def test_describing_a_species_imports_nothing_heavy() -> None:
    code = "from mesosweep.api import Species; import sys; print('numpy' in sys.modules)"

    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "False"


def test_an_id_that_gymnasium_would_not_take_breaks_the_species(installed: Path) -> None:
    (installed / "rhea_species.py").write_text(
        "from ratite_species import misnumbered\nSPECIES = misnumbered()"
    )
    registry = Registry([point("rhea", "rhea_species:SPECIES")])

    with pytest.raises(PluginBroken, match="env_id 'Rhea' is not of the form NAMESPACE/Name-v0"):
        registry.get(SPECIES, "rhea")
