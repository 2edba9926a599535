"""Sampling needs neither torch nor onnx."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ganzoo.sampling.sampler import Sampler

SCRIPT = """
import sys
sys.modules["torch"] = None  # as if it were not installed
from pathlib import Path
from ganzoo.sampling.grid import save_grid
from ganzoo.sampling.sampler import Sampler

images = Sampler(sys.argv[1], device="cpu").sample(5, seed=3)
save_grid(images, Path(sys.argv[2]))
save_grid(images, Path(sys.argv[3]))
loaded = {name.partition(".")[0] for name, module in sys.modules.items() if module is not None}
print(sorted(loaded & {"torch", "onnx", "onnxscript", "safetensors", "scipy", "sklearn"}))
"""


def test_a_bundle_is_sampled_where_torch_is_absent_with_the_same_result(
    make_bundle: Callable[..., Path], tmp_path: Path
) -> None:
    bundle, picture, array = make_bundle(), tmp_path / "grid.png", tmp_path / "images.npy"

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(bundle), str(picture), str(array)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
    assert picture.exists()
    np.testing.assert_array_equal(np.load(array), Sampler(bundle, "cpu").sample(5, seed=3))
