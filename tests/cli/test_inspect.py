"""`ganzoo inspect`, from a bundle or a file to what a user reads."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command import Refused, ganzoo

BUNDLE = "exported_models/vanilla-mlp-001"


@pytest.fixture
def bundle(made: Path, here: Path) -> Path:
    """A bundle of its own in the current folder."""
    shutil.copytree(made / "exported_models", here / "exported_models")
    return here / BUNDLE


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")


def shown(*words: str) -> str:
    done = ganzoo("inspect", *words)
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    return done.stdout


def test_a_bundle_says_where_it_comes_from_and_each_graph_what_it_does(bundle: Path) -> None:
    text = shown(BUNDLE)

    assert "of recipe vanilla-mlp" in text
    assert "step 30, seed 0" in text
    assert "digits, 1,797 samples" in text
    manifest = json.loads((bundle / "manifest.json").read_text())
    graphs = [name for name in manifest["files"] if name.endswith(".onnx")]
    assert text.count("as exported, says its SHA-256") == len(graphs) > 0
    if len(graphs) > 1:
        assert text.index("latents.onnx") < text.index("generator.onnx")


def test_a_graph_shows_its_layers_with_weights_shapes_and_flops(bundle: Path) -> None:
    """vanilla-mlp on 8x8 digits: 64 latents, two hidden layers of 256, 64 pixels."""
    text = shown(f"{BUNDLE}/generator.onnx")
    lines = [" ".join(line.split()) for line in text.splitlines()]

    assert "inputs latents float32 [N, 64]" in lines
    flops = 2 * (64 * 256 + 256 * 256 + 256 * 64)
    assert f"{flops:,} a sample; not counted: " in text
    assert "1 latents Gemm, Relu [256, 64] [1, 256] 32,768" in lines
    assert "2 Gemm, Relu [256, 256] [1, 256] 131,072" in lines
    assert "= images" in text and "= samples" in text


@pytest.mark.parametrize("columns", [80, 120])
def test_nothing_is_cut_off_at_the_width_of_a_usual_terminal(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))

    text = shown(f"{BUNDLE}/generator.onnx")

    assert "…" not in text
    assert max(map(len, text.splitlines())) <= columns


def test_all_gives_each_operator_a_line(bundle: Path) -> None:
    short, long = (shown(f"{BUNDLE}/generator.onnx", *more) for more in ([], ["--all"]))

    assert "Gemm, Relu" in short
    assert "Gemm, Relu" not in long
    assert any(line.split()[:2] == ["2", "Relu"] for line in long.splitlines())


def test_a_long_graph_is_shortened_unless_all_is_asked_for(here: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    names = [f"v{number}" for number in range(101)]
    nodes = [
        helper.make_node("Unsqueeze" if i % 2 else "Flatten", [names[i], "axis"][: 1 + i % 2], [names[i + 1]])
        for i in range(100)
    ]
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in ((names[0], ["N", 5]), (names[100], None))
    ]
    axis = helper.make_tensor("axis", TensorProto.INT64, [1], [1])
    graph = helper.make_graph(nodes, "long", ports[:1], ports[1:], [axis])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), here / "x.onnx")

    short, long = ganzoo("inspect", "x.onnx").stdout, ganzoo("inspect", "x.onnx", "--all").stdout

    rows = [line.split()[0] for line in short.splitlines() if line.split()[:1] and line.split()[0].isdigit()]
    hidden = int(rows[-1]) - len(rows)
    assert hidden > 0
    assert f"{hidden} lines more" in " ".join(short.split())
    assert all(f"\n{number:>3} " in long for number in range(1, 101))


def test_a_graph_that_was_changed_after_export_is_shown_and_said_to_be(bundle: Path, refused: Refused) -> None:
    import onnx

    model = onnx.load(bundle / "generator.onnx")
    model.producer_name = "someone else"
    onnx.save(model, bundle / "generator.onnx")

    done = refused(1, "inspect", BUNDLE)
    assert "not the file that was exported: its SHA-256 differs" in done.stdout
    assert "Not all files of" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("nowhere", "Cannot read nowhere: No such file"),
        (".", "it has no manifest.json"),
        (f"{BUNDLE}/manifest.json", "manifest.json is no ONNX file"),
        (f"{BUNDLE}/preview.png", "preview.png is no ONNX file"),
    ],
)
def test_what_is_no_bundle_and_no_graph_is_refused(bundle: Path, refused: Refused, words: str, said: str) -> None:
    assert said in refused(1, "inspect", words).stderr


def test_a_bundle_without_graphs_is_refused(bundle: Path, refused: Refused) -> None:
    for path in bundle.glob("*.onnx"):
        path.unlink()

    assert "holds no ONNX file" in refused(1, "inspect", BUNDLE).stderr


def test_neither_torch_nor_onnxruntime_is_imported(bundle: Path) -> None:
    code = (
        "import sys\nfrom ganzoo.cli import main\n"
        f"main(['inspect', {BUNDLE!r}], standalone_mode=False)\n"
        "print(sorted({'torch', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)

    assert done.stdout.splitlines()[-1] == "[]"
