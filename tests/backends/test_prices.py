"""What things cost: dated, sourced, and silent about what nobody knows."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from mesosweep.backends.prices import Strategy, load_prices, stage_cost, total_usd
from mesosweep.domain.errors import SettingsError

PAGE_MACHINE: Any = {"location": "us-central1", "machine": "n1-standard-8"}


def rate(strategy: Strategy = "STANDARD", accelerator: str | None = None) -> float | None:
    quote = load_prices().quote(**PAGE_MACHINE, accelerator=accelerator, strategy=strategy)
    return quote.usd_per_hour


def test_a_machine_without_accelerator_costs_itself() -> None:
    assert rate() == pytest.approx(0.4370, abs=1e-4)


def test_an_accelerator_comes_on_top_and_spot_is_much_cheaper() -> None:
    on_demand, spot = rate("STANDARD", "NVIDIA_TESLA_T4"), rate("SPOT", "NVIDIA_TESLA_T4")

    assert on_demand == pytest.approx(0.8395, abs=1e-4)
    assert spot == pytest.approx(0.2933, abs=1e-4)


def test_every_price_says_where_it_is_from_and_the_table_when() -> None:
    table = load_prices()

    assert table.checked >= date(2026, 11, 22)
    assert all(len(price.source) > 20 for price in table.prices.values())


@pytest.mark.parametrize(
    ("machine", "location", "accelerator", "missing"),
    [
        ("e2-standard-4", "us-central1", None, ("e2-standard-4 in us-central1",)),
        ("n1-standard-8", "europe-west4", None, ("n1-standard-8 in europe-west4",)),
        ("g2-standard-8", "us-central1", "NVIDIA_L4", ("g2-standard-8 in us-central1",)),
    ],
)
def test_what_has_no_known_price_has_none(
    machine: str, location: str, accelerator: str | None, missing: tuple[str, ...]
) -> None:
    quote = load_prices().quote(machine=machine, location=location, accelerator=accelerator)

    assert quote.missing == missing
    assert quote.usd_per_hour is None
    assert quote.usd(3_600) is None
    assert quote.told() == f"no known STANDARD price for {missing[0]}"


def test_a_price_names_its_terms_and_its_date() -> None:
    told = load_prices().quote(**PAGE_MACHINE, strategy="SPOT").told()

    assert told == "SPOT at $0.0920 an hour (partly derived), prices of 22 November 2026"


class TestAPlan:
    def test_pays_for_machines_and_waits_for_waves(self) -> None:
        quote = load_prices().quote(**PAGE_MACHINE)

        cost = stage_cost(quote, trials=20, parallel=5, trial_s=3_600, steps_per_s=500)

        assert cost.machine_s == 20 * 3_600
        assert cost.wall_s == 4 * 3_600
        assert cost.usd == pytest.approx(20 * 0.4370, abs=0.01)

    def test_has_no_total_where_a_part_is_not_known(self) -> None:
        table = load_prices()
        known = table.quote(**PAGE_MACHINE)
        unknown = table.quote(location="us-central1", machine="c9-standard-1")

        one, other = (
            stage_cost(quote, trials=1, parallel=1, trial_s=3_600, steps_per_s=1)
            for quote in (known, unknown)
        )

        assert total_usd([one, one]) == pytest.approx(2 * 0.4370, abs=1e-3)
        assert total_usd([one, other]) is None


class TestTheUsersOwnFile:
    ENTRY = """
checked = 2026-12-01
[[price]]
location = "us-central1"
item = "n1-standard-8"
strategy = "STANDARD"
usd_per_hour = 0.5
basis = "quoted"
source = "our contract"
"""

    def test_takes_the_place_of_ours_where_they_meet(self, tmp_path: Path) -> None:
        file = tmp_path / "prices.toml"
        file.write_text(self.ENTRY)

        table = load_prices(file)

        assert table.quote(**PAGE_MACHINE).usd_per_hour == 0.5
        assert table.quote(**PAGE_MACHINE, strategy="SPOT").usd_per_hour == 0.092
        assert table.checked == date(2026, 11, 22)

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("", "lacks its date"),
            ("checked = 2026-12-01\n[[price]]\nitem = 'x'\n", "price 1: needs location"),
            (ENTRY.replace("0.5", "-0.5"), "usd_per_hour: must be a number"),
            (ENTRY.replace("0.5", '"0.5"'), "usd_per_hour: must be a number"),
            (ENTRY.replace("STANDARD", "CHEAP"), "strategy: must be STANDARD or SPOT"),
            ("checked = [", "prices.toml"),
        ],
    )
    def test_is_read_strictly(self, tmp_path: Path, text: str, told: str) -> None:
        file = tmp_path / "prices.toml"
        file.write_text(text)

        with pytest.raises(SettingsError, match=told):
            load_prices(file)

    def test_must_be_there(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match="--price-file"):
            load_prices(tmp_path / "nowhere.toml")
