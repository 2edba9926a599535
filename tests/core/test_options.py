"""Settings are typed, and a mistake is answered by what would be right."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta

from ganzoo.core.errors import BadSetting
from ganzoo.core.options import parse_assignment, parse_options, to_plain
from ganzoo.core.schedule import Schedule


@dataclass(frozen=True)
class Inner:
    rate: float | Schedule = 0.1


@dataclass(frozen=True)
class Options:
    width: Annotated[int, Meta(ge=1)] = 8
    slope: float = 0.2
    output: Literal["tanh", "sigmoid"] = "tanh"
    betas: tuple[float, float] = (0.5, 0.9)
    inner: Inner = field(default_factory=Inner)


def test_what_is_not_given_keeps_its_default() -> None:
    assert parse_options(Options, {"width": 3, "slope": 1}, "generator") == Options(width=3, slope=1.0)


def test_a_number_may_be_a_schedule() -> None:
    found = parse_options(Options, {"inner": {"rate": {"start": 1, "end": 0, "steps": 5}}}, "generator")
    assert found.inner.rate == Schedule(start=1.0, end=0.0, steps=5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"widht": 3}, "There is no setting 'generator.widht'; did you mean 'generator.width'"),
        ({"inner": {"rat": 3}}, "There is no setting 'generator.inner.rat'; did you mean 'generator.inner.rate'"),
        ({"inner": {"rate": {"start": 1, "end": 0, "stps": 5}}}, "no setting 'generator.inner.rate.stps'"),
        ({"width": "wide"}, "Setting generator.width: expected `int`, got `str`"),
        ({"width": 1.5}, "Setting generator.width: expected `int`, got `float`"),
        ({"width": 0}, "Setting generator.width: expected `int` >= 1"),
        ({"output": "relu"}, r"Setting generator\.output: invalid enum value 'relu'\. Known are: tanh, sigmoid\."),
        ({"betas": [0.5]}, "Setting generator.betas"),
        ({"inner": 3}, "Setting generator.inner"),
    ],
)
def test_a_mistake_names_the_setting_and_what_it_takes(values: dict[str, Any], message: str) -> None:
    with pytest.raises(BadSetting, match=message):
        parse_options(Options, values, "generator")


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("width=32", ["width"], 32),
        ("generator.slope = 0.5", ["generator", "slope"], 0.5),
        ("loss.name=minimax", ["loss", "name"], "minimax"),
        ('dataset.name="ring"', ["dataset", "name"], "ring"),
        ("betas=[0.5, 0.9]", ["betas"], [0.5, 0.9]),
        ("rate={start=1.0, end=0.0, steps=5}", ["rate"], {"start": 1.0, "end": 0.0, "steps": 5}),
        ("flag=true", ["flag"], True),
        ("path=a=b", ["path"], "a=b"),
    ],
)
def test_an_assignment_is_read_as_toml_or_else_as_a_word(text: str, path: list[str], value: object) -> None:
    assert parse_assignment(text) == (path, value)


@pytest.mark.parametrize("text", ["width", "=3", "a..b=3", ""])
def test_what_is_no_assignment_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadSetting, match=r"write KEY=VALUE, e\.g\. generator\.width=32"):
        parse_assignment(text)


def test_options_survive_the_way_to_json_and_back() -> None:
    options = Options(width=3, inner=Inner(Schedule(start=1.0, end=0.0, steps=5)))
    assert parse_options(Options, to_plain(options), "generator") == options
