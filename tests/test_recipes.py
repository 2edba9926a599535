"""A recipe, and what the user changes of it, leave nothing open."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from ganzoo.catalog import load_catalog
from ganzoo.core.config import RunConfig
from ganzoo.core.errors import BadSetting, UnknownName
from ganzoo.core.options import parse_assignment
from ganzoo.recipes import find_recipe, read_recipe, resolve

MINE = """
summary = "Mine"
steps = 10
batch_size = 32
[dataset]
name = "ring"
[latents]
name = "normal"
size = 2
[generator]
name = "mlp"
width = 16
[discriminator]
name = "mlp"
[loss]
name = "non-saturating"
"""


def resolved(tmp_path: Path, *assignments: str, text: str = MINE) -> RunConfig:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    catalog = load_catalog()
    return resolve(find_recipe(str(path), catalog), catalog, [parse_assignment(a) for a in assignments])


def test_every_option_of_every_component_is_filled_in(tmp_path: Path) -> None:
    config = resolved(tmp_path)
    assert config.recipe == "mine"
    assert (config.steps, config.batch_size, config.d_steps) == (10, 32, 1)
    assert config.generator.options["width"] == 16
    assert config.generator.options["depth"] == 2
    assert config.dataset.options["std"] == 0.01


@pytest.mark.parametrize(
    ("assignment", "found"),
    [
        ("generator.width=5", lambda c: c.generator.options["width"] == 5),
        ("batch_size=7", lambda c: c.batch_size == 7),
        ("generator_optimizer.learning_rate=0.5", lambda c: c.generator_optimizer.learning_rate == 0.5),
        ("loss=minimax", lambda c: c.loss.name == "minimax"),
        ("loss.name=minimax", lambda c: c.loss.name == "minimax"),
        ("epochs=2", lambda c: (c.steps, c.epochs) == (None, 2.0)),
        ("minutes=0.5", lambda c: (c.steps, c.minutes) == (None, 0.5)),
    ],
)
def test_any_setting_can_be_changed(tmp_path: Path, assignment: str, found: Any) -> None:
    assert found(resolved(tmp_path, assignment))


def test_another_component_starts_from_its_own_defaults(tmp_path: Path) -> None:
    """The recipe's `size` was meant for its own prior; options given beside the new name are kept."""
    config = resolved(tmp_path, "latents.bound=2.0", "latents.name=uniform")
    assert config.latents.options == {"size": 100, "bound": 2.0}


def test_naming_the_same_component_again_keeps_the_recipe_s_options(tmp_path: Path) -> None:
    assert resolved(tmp_path, "generator.name=mlp").generator.options["width"] == 16


@pytest.mark.parametrize(
    ("assignment", "kind", "message"),
    [
        ("generator.widht=5", BadSetting, "'generator.widht'; did you mean 'generator.width'"),
        ("batchsize=5", BadSetting, "'batchsize'; did you mean 'batch_size'"),
        ("batch_size=0", BadSetting, "Setting batch_size: expected `int` >= 1"),
        ("batch_size=many", BadSetting, "Setting batch_size: expected `int`, got `str`"),
        ("loss=minmax", UnknownName, "No loss is called 'minmax'; did you mean 'minimax'"),
        ("batch_size.x=3", BadSetting, "batch_size is a single value"),
        ("generator_optimizer.learningrate=3", BadSetting, "did you mean 'generator_optimizer.learning_rate'"),
        ("generator_optimizer.name=adamw", BadSetting, "Setting generator_optimizer.name: invalid enum value 'adamw'"),
        ("data=photos", BadSetting, "say --data PATH"),
        ("generator=5", BadSetting, "Setting generator: expected the name of one, got 5"),
        ("updates=both", BadSetting, r"invalid enum value 'both'\. Known are: alternating, simultaneous\."),
        (
            "generator_optimizer.learning_rate={shape='exponential', start=0.0, end=1.0, steps=5}",
            BadSetting,
            "an exponential schedule cannot go from 0.0 to 1.0",
        ),
        ("regularizers.r9.gamma=1", UnknownName, "No regularizer is called 'r9'"),
        ("regularizers=3", BadSetting, "regularizers are tables by name"),
        ("regularizers.r1=3", BadSetting, "--set regularizers.NAME=true"),
        ("dataset=ring:8", BadSetting, "ring takes nothing behind a colon"),
        ("dataset=hff:somebody/animals", UnknownName, "No dataset is called 'hff'; did you mean 'hf'"),
        ("updates=simultaneous", None, ""),
    ],
)
def test_a_mistake_is_answered_by_what_would_be_right(
    tmp_path: Path, assignment: str, kind: type[Exception] | None, message: str
) -> None:
    if kind is None:
        assert resolved(tmp_path, assignment)
        return
    with pytest.raises(kind, match=message):
        resolved(tmp_path, assignment)


def test_what_a_data_set_cannot_do_without_stands_behind_its_name(tmp_path: Path) -> None:
    found = resolved(tmp_path, "dataset=hf:somebody/animals", "dataset.size=8").dataset
    assert (found.name, found.options["repository"], found.options["size"]) == ("hf", "somebody/animals", 8)
    assert resolved(tmp_path, "dataset=hf:C:/mine").dataset.options["repository"] == "C:/mine"


def test_no_option_has_the_name_of_what_chooses_its_component() -> None:
    """`dataset.name=x` picks a data set, so that an option called `name` could not be set."""
    for kind, shelf in load_catalog().shelves().items():
        for name, spec in shelf:
            options = getattr(spec, "options", None)
            assert options is None or "name" not in [field.name for field in fields(options)], f"{kind} {name}"


def test_a_component_may_be_named_in_short(tmp_path: Path) -> None:
    text = 'dataset = "ring"\n' + MINE.replace('[dataset]\nname = "ring"\n', "")
    assert resolved(tmp_path, text=text).dataset.name == "ring"
    assert resolved(tmp_path, "dataset=grid", text=text).dataset.name == "grid"


def test_settings_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="set d_steps=1, not 3"):
        resolved(tmp_path, "updates=simultaneous", "d_steps=3")
    with pytest.raises(BadSetting, match="give one of the three, not epochs and steps"):
        resolved(tmp_path, "steps=3", "epochs=2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MINE.replace("steps = 10", ""), "set one of the three, not none of them"),
        (MINE.replace("steps = 10", "steps = 10\nepochs = 3"), "not steps and epochs"),
        (MINE.replace('[loss]\nname = "non-saturating"', ""), "names no loss"),
        (MINE.replace('summary = "Mine"', "summary = 3"), "summary is text"),
        ("steps = ", "Cannot read the recipe"),
    ],
)
def test_a_recipe_that_leaves_something_open_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadSetting, match=message):
        resolved(tmp_path, text=text)


def test_a_recipe_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"Cannot read the recipe .*gone\.toml"):
        read_recipe(tmp_path / "gone.toml")


def test_an_unknown_recipe_gets_a_suggestion() -> None:
    with pytest.raises(UnknownName, match="did you mean 'vanilla-mlp'"):
        find_recipe("vanila-mlp", load_catalog())


def test_a_component_without_changed_options_is_added_by_true(tmp_path: Path) -> None:
    assert (
        resolved(tmp_path, "regularizers.r1=true").regularizers == resolved(tmp_path, "regularizers.r1={}").regularizers
    )
    assert "r1" in resolved(tmp_path, "regularizers.r1=true").regularizers
