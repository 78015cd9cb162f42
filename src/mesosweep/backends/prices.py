"""What machines cost: a dated table, what a plan will take of them, and what was spent."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from mesosweep.domain.errors import SettingsError

Strategy: TypeAlias = Literal["STANDARD", "SPOT"]
Basis: TypeAlias = Literal["quoted", "derived"]
_FIELDS = ("location", "item", "strategy", "usd_per_hour", "basis", "source")


@dataclass(frozen=True, slots=True)
class Price:
    """One item of one location by the hour."""

    location: str
    item: str
    """A machine type, or one accelerator by the API's name."""
    strategy: Strategy
    usd_per_hour: float
    basis: Basis
    source: str


@dataclass(frozen=True, slots=True)
class Quote:
    """What one machine with its accelerators costs."""

    strategy: Strategy
    parts: tuple[tuple[int, Price], ...]
    """(how many, of what)."""
    missing: tuple[str, ...]
    """Items of which no price is known; then the whole has none either."""
    checked: date

    @property
    def usd_per_hour(self) -> float | None:
        if self.missing:
            return None
        return sum(count * price.usd_per_hour for count, price in self.parts)

    def usd(self, machine_s: float) -> float | None:
        """Return what so many seconds of such machines cost; None where no price is known."""
        rate = self.usd_per_hour
        return None if rate is None else machine_s / 3_600 * rate

    def told(self) -> str:
        """Return the price in words, or of what there is none."""
        if self.missing:
            return f"no known {self.strategy} price for {' and '.join(self.missing)}"
        derived = " (partly derived)" if any(p.basis == "derived" for _, p in self.parts) else ""
        return (
            f"{self.strategy} at ${self.usd_per_hour:.4f} an hour{derived}, "
            f"prices of {self.checked:%-d %B %Y}"
        )


@dataclass(frozen=True, slots=True)
class StageCost:
    """What one stage will take."""

    machine_s: float
    """Of all its trials together."""
    wall_s: float
    usd: float | None
    steps_per_s: float
    """The pace of a trial that it assumes."""


@dataclass(frozen=True, slots=True)
class PriceTable:
    """All prices known, and as of when."""

    checked: date
    prices: Mapping[tuple[str, str, str], Price]
    """By location, item and strategy."""

    def quote(
        self,
        *,
        location: str,
        machine: str,
        accelerator: str | None = None,
        count: int = 1,
        strategy: Strategy = "STANDARD",
    ) -> Quote:
        """Return what such a machine costs there, or which of its prices are not known."""
        wanted = [(1, machine)] + ([(count, accelerator)] if accelerator else [])
        parts, missing = [], []
        for number, item in wanted:
            price = self.prices.get((location, item, strategy))
            if price is None:
                missing.append(f"{item} in {location}")
            else:
                parts.append((number, price))
        return Quote(strategy, tuple(parts), tuple(missing), self.checked)

    def over(self, other: PriceTable) -> PriceTable:
        """Return both, `self` where they meet; dated as the older of the two."""
        return PriceTable(min(self.checked, other.checked), {**other.prices, **self.prices})


def stage_cost(
    quote: Quote, *, trials: int, parallel: int, trial_s: float, steps_per_s: float
) -> StageCost:
    """Return what `trials` of `trial_s` each cost, `parallel` at a time.

    Waiting for machines and starting them is not in it: nobody measured it.
    """
    waves = -(-trials // parallel)
    machine_s = trials * trial_s
    return StageCost(machine_s, waves * trial_s, quote.usd(machine_s), steps_per_s)


def total_usd(costs: Sequence[StageCost]) -> float | None:
    """Return the sum; None when one of them is not known, since a part is no total."""
    known = [cost.usd for cost in costs if cost.usd is not None]
    return sum(known) if len(known) == len(costs) else None


def load_prices(path: Path | None = None) -> PriceTable:
    """Return the package's table, under the entries of a file of the same form.

    Raises:
        SettingsError: the file cannot be read, or an entry cannot be.
    """
    own = files("mesosweep.backends") / "prices.toml"
    table = _read(own.read_text(encoding="utf-8"), "prices.toml")
    if path is None:
        return table
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as cause:
        raise SettingsError(f"--price-file {path}: cannot be read: {cause}.") from cause
    return _read(text, str(path)).over(table)


def _read(text: str, where: str) -> PriceTable:
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as cause:
        raise SettingsError(f"{where}: {cause}.") from None
    checked = told.get("checked")
    if not isinstance(checked, date):
        raise SettingsError(f"{where}: lacks its date; write for instance checked = 2026-11-22.")
    entries = told.get("price", [])
    return PriceTable(checked, {(p.location, p.item, p.strategy): p for p in _all(entries, where)})


def _all(entries: Iterable[Any], where: str) -> list[Price]:
    return [_price(entry, f"{where} → price {n}") for n, entry in enumerate(entries, start=1)]


def _price(entry: Any, where: str) -> Price:
    if not isinstance(entry, dict) or set(entry) != set(_FIELDS):
        raise SettingsError(f"{where}: needs {', '.join(_FIELDS)}, and nothing else.")
    for name, choices in (("strategy", get_args(Strategy)), ("basis", get_args(Basis))):
        if entry[name] not in choices:
            raise SettingsError(
                f"{where} → {name}: must be {' or '.join(choices)} (got {entry[name]!r})."
            )
    usd = entry["usd_per_hour"]
    if isinstance(usd, bool) or not isinstance(usd, int | float) or not 0 <= usd < float("inf"):
        raise SettingsError(f"{where} → usd_per_hour: must be a number of dollars (got {usd!r}).")
    return Price(**{**entry, "usd_per_hour": float(usd)})
