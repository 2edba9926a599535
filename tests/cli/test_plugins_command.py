"""`ganzoo plugins check` as an author meets it who has made a usual mistake: what is wrong, and what to do."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from strangers import GOOD, MISSPELT, TAKES_A_NAME, install

GENERATOR = """
from ganzoo.api import GeneratorSpec, hookimpl

def build(sample, size, options):
    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(size, sample.size)

        def forward(self, latents, labels=None):
            return self.layer(latents).tanh().unflatten(1, sample.shape)

    return Network()

@hookimpl
def ganzoo_generators():
    return [GeneratorSpec(name="NAME", summary="A flawed one", source="https://example.org", build=build)]
"""
DISCRIMINATOR = """
from ganzoo.api import DiscriminatorSpec, hookimpl

def build(sample, options):
    from ganzoo.contracts import Verdict
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Flatten(), nn.Linear(sample.size, 8), nn.Tanh(), nn.Linear(8, 1))

        def forward(self, samples, labels=None):
            return Verdict(self.layers(samples)[:, 0])

    return Network()

@hookimpl
def ganzoo_discriminators():
    words = {"summary": "A flawed one", "source": "https://example.org"}
    return [DiscriminatorSpec(name="NAME", build=build, row_wise=True, **words)]
"""
LOSS = """
from ganzoo.api import LossSpec, hookimpl

class Means:
    needs_real_for_generator = False

    def discriminator(self, play):
        return {"loss": play.on_fake.logits.mean() - play.on_real.logits.mean()}

    def generator(self, play):
        return {"loss": -play.on_fake.logits.mean()}

@hookimpl
def ganzoo_losses():
    words = {"summary": "A flawed one", "source": "https://example.org"}
    return [LossSpec(name="NAME", build=lambda options: Means(), **words)]
"""
DATA = """
from ganzoo.api import Data, DatasetSpec, hookimpl

def open_it(source, options):
    import numpy as np
    return Data(np.random.default_rng(0).integers(0, 256, (100, 1, 8, 8), np.uint8))

@hookimpl
def ganzoo_datasets():
    words = {"summary": "A flawed one", "source": "https://example.org", "licence": "CC0-1.0"}
    return [DatasetSpec(name="NAME", open=open_it, **words)]
"""
METRIC = """
from ganzoo.api import MetricSpec, hookimpl

def determinant(evidence):
    import numpy as np
    return {"determinant": float(np.linalg.inv(np.eye(3))[0, 0])}

@hookimpl
def ganzoo_metrics():
    words = {"summary": "A flawed one", "source": "https://example.org"}
    return [MetricSpec(name="NAME", build=lambda options: determinant, sees="samples", **words)]
"""
SOUND = {"generator": GENERATOR, "discriminator": DISCRIMINATOR, "loss": LOSS, "dataset": DATA, "metric": METRIC}

FLAWS = {  # what is replaced, by what, the promise that is broken, and what is said
    "range": ("generator", ".tanh()", ".tanh().mul(2)", "draws the data's shape", "end with tanh"),
    "unbounded": ("generator", ".tanh()", ".mul(1e-3)", "draws the data's shape", "end with tanh"),
    "flat": ("generator", ".unflatten(1, sample.shape)", "", "draws the data's shape", "it for sample.shape"),
    "deaf": ("generator", "(latents)", "(0 * latents)", "reads its latents", "compute samples from latents"),
    "unlabelled": ("generator", ", labels=None", "", "draws the data's shape", "Expected is `build(sample, Z, "),
    "fixed": ("generator", ".unflatten(1,", ".reshape(64, *", "exports with any batch", "any number of samples"),
    "crash": ("generator", "return self", "raise OSError('no')  #", "draws the data's shape", "in crash.py, line 14"),
    "ganzoo_beside": (
        "generator",
        "return self",
        "raise OSError('no')  #",
        "draws the data's shape",
        "in ganzoo_beside.py",
    ),
    "numpys": ("metric", "np.eye(3)", "np.zeros((3, 3))", "says the same twice", "is in numpys.py, line 6"),
    "elsewhere": (
        "loss",
        "\nclass",
        "\nimport sys; 'ganzoo.cli' in sys.modules or sys.exit('only here')\nclass",
        "imports no torch until it builds",
        "loaded alone: only here.",
    ),
    "batch": ("discriminator", "nn.Tanh()", "nn.BatchNorm1d(8)", "is row-wise where it says so", "row_wise=False"),
    "column": ("discriminator", "[:, 0]", "", "says one logit for each sample", "take [:, 0]"),
    "bare": ("discriminator", "Verdict(", "(", "says one logit for each sample", "return Verdict(logits)"),
    "sigmoid": ("discriminator", "[:, 0]", "[:, 0].sigmoid()", "says logits, not probabilities", "leave the sigmoid"),
    "sign": ("loss", "-play", "play", "pulls each player its way", "lower fake logits must cost it more"),
    "unmarked": ("loss", "@hookimpl\n", "", "marks its hooks", "write @hookimpl above it"),
    "heavy": ("loss", "\nclass", "\nimport torch\nclass", "imports no torch until it builds", "within the functions"),
    "floats": ("dataset", "np.uint8)", "np.uint8) / 255", "holds samples in their range", "must be uint8 [N, C, H, W]"),
    "bits": ("dataset", "0, 256", "0, 2", "holds samples in their range", "white is 255"),
    "turned": ("dataset", "100, 1, 8, 8", "100, 8, 8, 3", "holds samples in their range", "transpose(0, 3, 1, 2)"),
    "anew": ("dataset", "default_rng(0)", "default_rng()", "opens the same twice", "from a seed among its options"),
}
UNUSED = {  # what cannot even be loaded, and what is said
    "taken": (TAKES_A_NAME, "a loss called 'minimax', a name that vanilla has taken"),
    "misspelt": (MISSPELT, "It has a hook 'ganzoo_losess', which ganzoo does not; did you mean 'ganzoo_losses'?"),
    "bound": (GOOD.replace("float = 0.9", "float"), "The option 'target' of 'kind' has no default; give it one."),
    "absent": ("import a_package_that_is_not", "It needs 'a_package_that_is_not', which is not installed"),
}


class Done(NamedTuple):
    """What came of a call."""

    exit_code: int
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a sound plugin of each kind is installed, and one with each flaw."""
    site = tmp_path_factory.mktemp("site")
    for kind, code in SOUND.items():
        install(site, kind, code.replace("NAME", f"my-{kind}"))
    for name, (kind, good, bad, *_) in FLAWS.items():
        assert good in SOUND[kind]
        install(site, name, SOUND[kind].replace(good, bad).replace("NAME", f"my-{name}"))
    choosy = SOUND["generator"].replace("    import torch", "    from ganzoo.api import BadData; raise BadData('no')")
    install(site, "choosy", choosy.replace("NAME", "my-choosy"))
    for name, (code, _) in UNUSED.items():
        install(site, name, code)
    return site


CALLS = {  # by what is asked: the words after `ganzoo`
    "all": ["plugins", "check", *SOUND, *FLAWS],
    "debug": ["--debug", "plugins", "check", "crash"],
    "unknown": ["plugins", "check", "generator", "genarator"],
    "choosy": ["plugins", "check", "choosy"],
    **{name: ["plugins", "check", name] for name in UNUSED},
}
CODE = """
import json, sys
from click.testing import CliRunner
from ganzoo.cli import main
done = {name: CliRunner().invoke(main, words) for name, words in json.loads(sys.argv[1]).items()}
print(json.dumps({name: [each.exit_code, each.stdout, each.stderr] for name, each in done.items()}))
"""


@pytest.fixture(scope="module")
def done(site: Path) -> dict[str, Done]:
    """What came of each call; in one other process, as each would import torch anew."""
    environment = os.environ | {"PYTHONPATH": str(site), "COLUMNS": "500"}
    command = [sys.executable, "-c", CODE, json.dumps(CALLS)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert ran.returncode == 0, ran.stderr
    return {name: Done(*parts) for name, parts in json.loads(ran.stdout).items()}


@pytest.fixture
def checked(done: dict[str, Done]) -> Done:
    """Of all that can be loaded."""
    return done["all"]


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_usual_mistake_is_named_with_what_to_do(flaw: str, checked: Done) -> None:
    _, _, _, promise, remedy = FLAWS[flaw]
    subject = rf"(plugin {flaw}|\w+ my-{flaw})"

    (line,) = re.findall(rf"^✗  {subject}: {re.escape(promise)}\. (.*)$", checked.stdout, re.MULTILINE)

    assert remedy in line[1]
    assert re.search(rf"Plugin {flaw} breaks \d of \d+ promises\.", checked.stderr)


def test_sound_plugins_beside_them_keep_all_promises(checked: Done) -> None:
    for kind in SOUND:
        assert re.search(
            rf"^Plugin {kind} keeps all of its promises; \d+ were checked\.$", checked.stdout, re.MULTILINE
        )
        assert f"✗  {kind} my-{kind}:" not in checked.stdout


def test_promises_that_cannot_be_checked_are_counted_apart(done: dict[str, Done]) -> None:
    said = done["choosy"].stdout

    kept, passed = (len(re.findall(rf"^{mark}  ", said, re.MULTILINE)) for mark in "✓-")

    assert passed == len(re.findall(r"\(it fits none of the samples of the check: no\)", said)) > 0
    assert said.endswith(f"Plugin choosy keeps all of its promises; {kept} were checked, {passed} could not be.\n")


def test_any_broken_promise_makes_it_fail_without_a_traceback(checked: Done) -> None:
    assert checked.exit_code == 1
    assert checked.stderr.startswith("Error: Plugin ")
    assert checked.stderr.count("\n") == 1
    assert checked.stderr.count("breaks") == len(FLAWS)
    assert "Traceback" not in checked.stdout


@pytest.mark.parametrize("name", UNUSED)
def test_a_plugin_that_is_not_used_fails_and_says_why(name: str, done: dict[str, Done]) -> None:
    exit_code, stdout, stderr = done[name]

    assert (exit_code, stdout) == (1, "")
    assert stderr.startswith(f"Error: Plugin {name} is not used: ")
    assert UNUSED[name][1] in stderr


def test_debug_shows_where_an_error_came_from(done: dict[str, Done]) -> None:
    assert done["debug"].exit_code == 1
    assert "OSError: no\n" in done["debug"].stderr
    assert 'crash.py", line 14, in forward' in done["debug"].stderr


def test_a_misspelt_name_costs_no_time(done: dict[str, Done]) -> None:
    """The others are not checked before it is refused."""
    exit_code, stdout, stderr = done["unknown"]

    assert (exit_code, stdout) == (2, "")
    assert "No plugin is called 'genarator'; did you mean 'generator'?" in stderr
