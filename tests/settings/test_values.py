from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesosweep.domain.space import Categorical, Discrete, Double, Integer, Parameter
from mesosweep.domain.study import told
from mesosweep.settings.values import NET_ARCHS, ValueKind, fit, kind_of, misfit, net_arch, read

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(value=finite)
def test_every_finite_float_is_read_back(value: float) -> None:
    assert read(told(value), "float") == value
    assert fit(value, "float") == value


@given(value=st.integers(-(10**30), 10**30))
def test_every_whole_number_is_read_back(value: int) -> None:
    assert read(told(value), "int") == value
    assert read(told(value), "number") == value


@given(value=st.integers(-(2**53), 2**53))
def test_a_whole_number_written_as_a_float_is_whole(value: int) -> None:
    read_back = read(repr(float(value)), "int")

    assert (read_back, type(read_back)) == (value, int)


@given(widths=st.lists(st.integers(1, 4096), min_size=1))
def test_layer_widths_are_read_back(widths: list[int]) -> None:
    text = fit(widths, "net_arch")

    assert net_arch(str(read(str(text), "net_arch"))) == widths


@pytest.mark.parametrize(("text", "value"), [("true", True), ("False", False), ("1.0", True)])
def test_truth_has_a_few_spellings(text: str, value: bool) -> None:
    assert read(text, "bool") is value


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("auto", "float"),
        ("nan", "float"),
        ("-inf", "number"),
        ("1e999", "float"),
        ("64.5", "int"),
        ("", "int"),
        ("2", "bool"),
        ("huge", "net_arch"),
        ("[]", "net_arch"),
        ("[64, 0]", "net_arch"),
        ("[true]", "net_arch"),
    ],
)
def test_text_of_another_kind_is_refused(text: str, kind: ValueKind) -> None:
    with pytest.raises(ValueError, match="is not"):
        read(text, kind)


@pytest.mark.parametrize(
    ("value", "kind"), [(True, "float"), ("1", "int"), (1.5, "int"), (1, "bool"), (None, "str")]
)
def test_a_typed_value_of_another_kind_is_refused(value: object, kind: ValueKind) -> None:
    with pytest.raises(ValueError, match="is not"):
        fit(value, kind)


def test_a_number_may_stand_for_a_word() -> None:
    assert fit(0.05, "str") == "0.05"


def test_settings_of_mixed_kinds_are_refused() -> None:
    assert kind_of(1, 1.5) == "float"
    assert kind_of(1, 2) == "int"
    assert kind_of(True) == "bool"
    with pytest.raises(ValueError, match="not of one kind"):
        kind_of(True, 1.5)


@pytest.mark.parametrize(
    ("parameter", "kind"),
    [
        (Double(0, 1), "float"),
        (Double(0, 1), "str"),
        (Integer(0, 1), "float"),
        (Integer(1, 9), "int"),
        (Discrete((64, 128)), "int"),
        (Discrete((0, 1)), "bool"),
        (Categorical(("true", "false")), "bool"),
        (Categorical(tuple(NET_ARCHS)), "net_arch"),
        (Categorical(("auto", "0.1")), "str"),
    ],
)
def test_parameters_that_fit(parameter: Parameter, kind: ValueKind) -> None:
    assert misfit(parameter, kind) is None


@pytest.mark.parametrize(
    ("parameter", "kind", "complaint"),
    [
        (Double(0, 1), "int", "use type integer or discrete, not double"),
        (Double(0, 1), "net_arch", "use type categorical, not double"),
        (Discrete((0.5, 64)), "int", "'0.5' is not a whole number"),
        (Categorical(("1", "2")), "float", "use type discrete, not categorical"),
        (Categorical(("small", "hugo")), "net_arch", "'hugo' is not one of small"),
        (Integer(1, 2), "net_arch", "use type categorical, not integer"),
    ],
)
def test_parameters_that_do_not(parameter: Parameter, kind: ValueKind, complaint: str) -> None:
    assert complaint in str(misfit(parameter, kind))
