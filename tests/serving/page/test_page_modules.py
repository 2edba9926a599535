"""The page's arithmetic and files, in Node, against Python's."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import ganzoo.serving

PAGE = Path(ganzoo.serving.__file__).with_name("page")


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's modules, where Node takes them for modules."""
    if shutil.which("node") is None:
        pytest.skip("needs Node: on Debian, `apt install nodejs`")
    folder = tmp_path_factory.mktemp("modules")
    shutil.copytree(PAGE, folder, dirs_exist_ok=True)
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    return folder


def node(modules: Path, code: str) -> Any:
    """What the code writes to the console, as JSON."""
    command = ["node", "--input-type=module", "-e", code]
    done = subprocess.run(command, cwd=modules, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout or "null")


# GIF


def save_gif(modules: Path, frames: np.ndarray) -> Path:
    """Frames uint8 [N, H, W, 4], written by the page."""
    (modules / "frames").write_bytes(frames.tobytes())
    count, height, width, _ = frames.shape
    code = f"""
        import {{ readFileSync, writeFileSync }} from "node:fs";
        import {{ writeGif }} from "./gif.js";
        const bytes = new Uint8Array(readFileSync("frames"));
        const size = {4 * height * width};
        const frames = Array.from({{ length: {count} }}, (_, i) => bytes.subarray(i * size, (i + 1) * size));
        writeFileSync("film.gif", Buffer.from(await writeGif(frames, {width}, {height}, 7).arrayBuffer()));
    """
    node(modules, code)
    return modules / "film.gif"


def frames_of(path: Path) -> np.ndarray:
    """uint8 [N, H, W, 3], as Pillow reads them."""
    with Image.open(path) as film:
        found = []
        for frame in range(film.n_frames):
            film.seek(frame)
            found.append(np.array(film.convert("RGB")))
    return np.stack(found)


GREYS = {
    "noise, which fills the table of codes many times": np.random.default_rng(0).integers(0, 256, (2, 200, 177)),
    "one grey, whose codes grow longest": np.full((1, 300, 300), 7),
    "one pixel": np.array([[[200]]]),
    "two pixels": np.array([[[0, 255]]]),
    "a ramp": np.arange(3 * 64 * 64).reshape(3, 64, 64) // 16 % 256,
}


@pytest.mark.parametrize("name", GREYS)
def test_grey_films_are_kept_exactly(modules: Path, name: str) -> None:
    grey = GREYS[name].astype(np.uint8)
    frames = np.stack([grey, grey, grey, np.full_like(grey, 255)], -1)

    assert (frames_of(save_gif(modules, frames)) == frames[..., :3]).all()


@pytest.mark.parametrize("count", [*range(250, 260), *range(3835, 3845)])
def test_a_film_may_end_where_codes_grow(modules: Path, count: int) -> None:
    """So many pixels, each pair of neighbours a new one: one entry of the table for each."""
    first = np.arange(count) % 251
    grey = np.where(np.arange(count) // 251 % 2, first, (first * 7) % 251).astype(np.uint8)[None, None]
    frames = np.stack([grey, grey, grey, np.full_like(grey, 255)], -1)

    assert (frames_of(save_gif(modules, frames)) == frames[..., :3]).all()


def test_colours_go_to_the_nearest_of_the_palette(modules: Path) -> None:
    frames = np.random.default_rng(1).integers(0, 256, (2, 20, 30, 4)).astype(np.uint8)
    frames[..., 3] = 255
    found = frames_of(save_gif(modules, frames)).astype(int)

    for channel, levels in enumerate((6, 7, 6)):
        palette = np.arange(levels) * 255 / (levels - 1)
        nearest = np.abs(frames[..., channel, None] - palette).min(-1)
        assert (np.abs(found[..., channel] - frames[..., channel].astype(int)) <= nearest + 0.5).all()


# Arrays


@pytest.mark.parametrize(
    ("kind", "shape"), [("uint8", (2, 3, 5, 1)), ("float32", (4, 2)), ("float32", (7,)), ("uint8", (0, 2))]
)
def test_arrays_go_to_numpy_and_back(modules: Path, kind: str, shape: tuple[int, ...]) -> None:
    array = (np.random.default_rng(0).random(shape) * 255).astype(kind)
    np.save(modules / "in.npy", array)
    code = """
        import { readFileSync, writeFileSync } from "node:fs";
        import { readNpy, writeNpy } from "./npy.js";
        const { data, shape } = readNpy(new Uint8Array(readFileSync("in.npy")).buffer);
        writeFileSync("out.npy", writeNpy(data, shape));
        console.log(JSON.stringify(shape));
    """

    assert node(modules, code) == list(shape)
    found = np.load(modules / "out.npy")
    assert found.dtype == array.dtype
    assert np.array_equal(found, array)
    assert (modules / "out.npy").stat().st_size == (modules / "in.npy").stat().st_size


# The address


MODEL = {
    "kind": "pictures",
    "shape": [1, 8, 8],
    "labels": ["a", "b", "c"],
    "truncation": "scale",
    "largest_truncation": 1,
    "most_samples": 100,
    "latents": {"prior": "structured", "size": 20, "walk": "line", "categories": [3, 2], "continuous": 1},
}


def rewritten(modules: Path, address: str, **changes: Any) -> str:
    """The address of the state that is read from an address."""
    code = f"""
        import {{ fitted, readState, writeState }} from "./state.js";
        const model = {json.dumps(MODEL | changes)};
        console.log(JSON.stringify(writeState(fitted(readState({json.dumps(address)}), model), model)));
    """
    return node(modules, code)


@pytest.mark.parametrize(
    "address",
    [
        "#model=m&seed=0",
        "#model=a%20b%26c&seed=-9223372036854775808&count=100&truncation=0.05&label=2",
        "#model=m&seed=9223372036854775792&codes=0:2_1:0_2:-0.25&kept=-7.2,9223372036854775807.0_0:1&frame=24",
    ],
)
def test_an_address_is_read_and_written_without_loss(modules: Path, address: str) -> None:
    assert rewritten(modules, address) == address


@pytest.mark.parametrize(
    ("address", "fitting"),
    [
        ("#model=m&seed=9223372036854775807", "#model=m&seed=9223372036854775792"),  # sixteen seeds must fit
        ("#model=m&seed=9223372036854775808", "#model=m&seed=0"),
        ("#model=m&count=1000", "#model=m&seed=0&count=100"),
        ("#model=m&truncation=7", "#model=m&seed=0"),
        ("#model=m&truncation=-1", "#model=m&seed=0&truncation=0"),
        ("#model=m&label=3", "#model=m&seed=0"),
        ("#model=m&codes=0:3_1:0.5_2:1.5_3:0_-1:0", "#model=m&seed=0"),
        ("#model=m&kept=1,2.3,3.1&frame=5", "#model=m&seed=0&kept=3.1"),  # without a label, or one that there is not
        ("#model=m&kept=1.1,2.1&frame=99", "#model=m&seed=0&kept=1.1,2.1&frame=24"),
        ("#model=m&kept=3.1,3.1,5.2&frame=48", "#model=m&seed=0&kept=3.1,5.2&frame=24"),  # each is kept once
        ("#model=m&kept=3.1,5.2,3.1_2:7_9:0", "#model=m&seed=0&kept=3.1,5.2"),  # alike without codes that are none
        ("#", "#"),
    ],
)
def test_what_a_model_cannot_do_is_put_right(modules: Path, address: str, fitting: str) -> None:
    assert rewritten(modules, address) == fitting


def test_a_model_without_labels_keeps_pictures_without(modules: Path) -> None:
    assert rewritten(modules, "#model=m&kept=1,2.1", labels=None) == "#model=m&seed=0&kept=1"


def test_labels_take_turns_mathematically(modules: Path) -> None:
    seeds = [-(2**63), -7, -1, 0, 1, 2**53 + 1, 2**63 - 1]
    code = f"""
        import {{ labelInTurn }} from "./state.js";
        const seeds = [{", ".join(f"{seed}n" for seed in seeds)}];
        console.log(JSON.stringify(seeds.map((seed) => labelInTurn(seed, {{ labels: ["a", "b", "c"] }}))));
    """

    assert node(modules, code) == [seed % 3 for seed in seeds]


# The walk


def test_a_walk_is_spherical_for_noise_linear_for_codes_and_jumps_for_categories(modules: Path) -> None:
    random = np.random.default_rng(0)
    first, last = random.standard_normal((2, 12)).astype(np.float32).astype(float)
    latents = {"categories": [2, 3], "continuous": 2, "walk": "sphere"}
    times = [0, 0.1, 0.49, 0.5, 0.9, 1]
    code = f"""
        import {{ between }} from "./walk.js";
        const [first, last] = {json.dumps([first.tolist(), last.tolist()])}.map((each) => Float32Array.from(each));
        const at = (t) => [...between(first, last, t, {json.dumps(latents)})];
        console.log(JSON.stringify({times}.map(at)));
    """
    a, b = first[7:], last[7:]
    angle = np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    for t, found in zip(times, node(modules, code), strict=True):
        assert found[:5] == pytest.approx((first if t < 0.5 else last)[:5], abs=1e-6)
        assert found[5:7] == pytest.approx(((1 - t) * first + t * last)[5:7], abs=1e-6)
        arc = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
        assert found[7:] == pytest.approx(arc, abs=1e-6)


@pytest.mark.parametrize("last", [[1.0, 2.0], [2.0, 4.0], [-1.0, -2.0], [0.0, 0.0]])
def test_a_walk_without_an_angle_is_straight(modules: Path, last: list[float]) -> None:
    """Between equal, parallel and opposite latents, and to the middle."""
    code = f"""
        import {{ between }} from "./walk.js";
        const latents = {{ categories: [], continuous: 0, walk: "sphere" }};
        console.log(JSON.stringify([...between(Float32Array.of(1, 2), Float32Array.from({last}), 0.25, latents)]));
    """

    assert node(modules, code) == pytest.approx([0.75 + 0.25 * last[0], 1.5 + 0.25 * last[1]])


@pytest.mark.parametrize(
    ("step", "rounded"), [(0.11, 0.2), (0.2, 0.2), (0.21, 0.5), (0.6, 1), (3, 5), (1, 1), (700, 1000)]
)
def test_axes_have_round_steps(modules: Path, step: float, rounded: float) -> None:
    (modules / "engine.js").write_text(
        "export async function samples() {}\nexport async function latents() {}\n", "utf-8"
    )

    assert node(
        modules, f'import {{ roundStep }} from "./scatter.js"; console.log(roundStep({step}));'
    ) == pytest.approx(rounded)
