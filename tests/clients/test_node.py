"""Bundles in Node: the self-test, and the model card's own code."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from client_tools import code_of, failures, nearly_what_ganzoo_draws, skipping

from benchmarks.clients.tools import node_modules, run, tool
from ganzoo.core.manifest import read_manifest

pytestmark = pytest.mark.clients


def test_node_draws_the_self_tests(bundles: dict[str, Path]) -> None:
    assert failures("Node", bundles) == []


def test_the_card_s_code_runs_in_node_and_says_what_comes_out(bundles: dict[str, Path], tmp_path: Path) -> None:
    with skipping():
        node, modules = tool("node"), node_modules()
    for number, bundle in enumerate(bundles.values()):
        folder = tmp_path / str(number)
        shutil.copytree(bundle, folder)
        (folder / "node_modules").symlink_to(modules)
        picture = read_manifest(bundle).sample.is_picture
        kept = f'\n(await import("node:fs")).writeFileSync("drawn", {"images" if picture else "samples"}.data);\n'
        (folder / "draw.mjs").write_text(code_of(bundle, "js") + kept, encoding="utf-8")
        said = run((node, "draw.mjs"), folder)
        shape = [int(word) for word in said[said.index("[") + 1 : said.index("]")].split(",")]
        assert said.startswith("uint8" if picture else "float32")
        drawn = np.fromfile(folder / "drawn", np.uint8 if picture else np.float32).reshape(shape)
        assert len(drawn) == 16
        assert nearly_what_ganzoo_draws(drawn, bundle)
