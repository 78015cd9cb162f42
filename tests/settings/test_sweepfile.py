from __future__ import annotations

from pathlib import Path

import pytest

from mesosweep.domain.errors import SettingsError
from mesosweep.domain.space import Categorical, Discrete, Double, Integer
from mesosweep.settings.sweepfile import parse_sweep, read_points, read_sweep_file


def refused(text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        parse_sweep(text, source="x.json")
    return str(caught.value)


def test_a_block_holds_parameters_and_job_settings() -> None:
    text = """{"stage2": {
        "_comment": "told apart by their shape", "_comment_2": {"type": "?"},
        "trials": 10, "timesteps": 1e6, "seed": 0,
        "a": {"type": "double", "min": 1, "max": 3e2, "scale": "log"},
        "b": {"type": "double", "min": -1, "max": 1},
        "c": {"type": "integer", "min": 1, "max": 1e3},
        "d": {"type": "discrete", "values": [64, 0.5]},
        "e": {"type": "categorical", "values": ["small"]}
    }}"""

    block = parse_sweep(text, source="x.json").block(2)

    assert block is not None
    assert block.settings == {"trials": 10, "timesteps": 1_000_000, "seed": 0}
    assert block.parameters == {
        "a": Double(1, 300, "log"),
        "b": Double(-1, 1),
        "c": Integer(1, 1000),
        "d": Discrete((0.5, 64)),
        "e": Categorical(("small",)),
    }


def test_a_flat_file_speaks_for_all_stages() -> None:
    file = parse_sweep('{"trials": 3}', source="x.json")

    assert file.block(1) == file.block(7)
    assert file.block(1) is not None


def test_a_per_stage_file_says_nothing_of_other_stages() -> None:
    assert parse_sweep('{"stage1": {"trials": 3}}', source="x.json").block(2) is None


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ('{"type": "double", "min": 3, "max": 1}', "min must be below max (got min=3, max=1)"),
        ('{"type": "double", "min": 0, "max": 1, "scale": "log"}', "log scale needs min > 0"),
        ('{"type": "integer", "min": 0, "max": 9, "scale": "log"}', "log scale needs min > 0"),
        ('{"type": "double", "min": "1e-5", "max": 1}', "min: should be a valid number"),
        ('{"type": "double", "min": true, "max": 1}', "min: should be a valid number"),
        ('{"type": "double", "min": 0, "max": 1e999}', "min and max must be finite"),
        ('{"type": "double", "min": 0}', "max: missing"),
        ('{"type": "double", "min": 0, "max": 1, "scale": "lin"}', "scale: should be 'linear'"),
        ('{"type": "double", "min": 0, "max": 1, "step": 1}', "step: unknown key"),
        ('{"type": "integer", "min": 0.5, "max": 2}', "min: should be a valid integer"),
        ('{"type": "discrete", "values": []}', "values must not be empty"),
        ('{"type": "discrete", "values": [1, 1.0]}', "values must not repeat"),
        ('{"type": "discrete", "values": ["64"]}', "values → 0: should be a valid"),
        ('{"type": "categorical", "values": [64]}', "values → 0: should be a valid string"),
        ('{"type": "categorical"}', "values: missing"),
        ('{"type": "dubble", "min": 0, "max": 1}', 'unknown type "dubble"'),
        ('{"min": 0, "max": 1}', "has no type"),
        ('{"type": "double", "min": 0, "min": 1, "max": 2}', "min: stands there twice"),
    ],
)
def test_an_impossible_entry_is_named_with_file_block_and_key(entry: str, complaint: str) -> None:
    told = refused(f'{{"stage2": {{"ppo_gamma": {entry}}}}}')

    assert told.startswith("x.json: stage2 → ppo_gamma")
    assert complaint in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"trials": 1,\n "parallel": }', "x.json:2:14: is not JSON"),
        ('{"trials": NaN}', "x.json: NaN is not a number that JSON knows"),
        ("[" * 100_000, "x.json: "),
        ("[1]", "x.json: must be a JSON object"),
        ('{"stage1": 3}', "x.json: stage1: must be a JSON object"),
        ('{"trials": 1, "trials": 2}', "x.json: trials: stands there twice"),
        ('{"stage1": {"n_envs": 1, "n_envs": 2}}', "x.json: stage1 → n_envs: stands there twice"),
        ('{"stage1": {}, "stage1": {}}', "x.json: stage1: stands there twice"),
        ('{"stage1": {}, "trials": 2}', "x.json: trials: stands beside stage blocks"),
        ('{"trails": 2}', "x.json: trails: is neither a job setting nor"),
        ('{"trials": "ten"}', 'trials: must be a whole number of at least 1 (got "ten")'),
        ('{"trials": 0}', "trials: must be a whole number of at least 1 (got 0)"),
        ('{"trials": true}', "trials: must be a whole number of at least 1 (got true)"),
        ('{"timesteps": 1.5}', "timesteps: must be a whole number of at least 1 (got 1.5)"),
        ('{"integer": {"type": "integer", "min": 0, "max": 1' + "0" * 400 + "}}", "x.json: int"),
    ],
)
def test_a_malformed_file_is_one_sentence(text: str, complaint: str) -> None:
    told = refused(text)

    assert complaint in told
    assert "\n" not in told


def test_a_misspelt_job_setting_is_met_with_the_nearest() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_sweep('{"trails": 2}', source="x.json")

    assert "Did you mean 'trials'?" in str(caught.value.hint)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        read_sweep_file(tmp_path / "none.json")


def test_a_file_that_is_no_text_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(SettingsError, match="is not UTF-8 text"):
        read_sweep_file(tmp_path / "x.json")


def test_points_come_as_a_list_or_by_stage(tmp_path: Path) -> None:
    plain, staged = tmp_path / "plain.json", tmp_path / "staged.json"
    plain.write_text('[{"ppo_gamma": 0.99}, {"ppo_gamma": 0.9}]')
    staged.write_text('{"_comment": "", "stage2": [{"ppo_net_arch": "small"}]}')

    assert read_points(plain) == {None: ({"ppo_gamma": 0.99}, {"ppo_gamma": 0.9})}
    assert read_points(staged) == {2: ({"ppo_net_arch": "small"},)}


@pytest.mark.parametrize("text", ["3", "[3]", '[{"a": null}]', '{"stageX": []}', '{"stage1": {}}'])
def test_points_of_another_shape_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.json").write_text(text)

    with pytest.raises(SettingsError, match=r"p\.json"):
        read_points(tmp_path / "p.json")
