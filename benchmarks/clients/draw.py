"""Draw a bundle's self-test with onnxruntime and numpy alone: `python draw.py BUNDLE`."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

folder = Path(sys.argv[1])
manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def session(file: str) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(folder / file), providers=["CPUExecutionProvider"])


seeds = np.array(manifest["self_test"]["seeds"], np.int64)
latents = session("latents.onnx").run(["latents"], {"seed": seeds})[0]
inputs = {"latents": latents}
if manifest["conditional"]:
    inputs["label"] = seeds % manifest["sample"]["num_classes"]
if manifest["truncation"] == "input":
    inputs["truncation"] = np.array(1, np.float32)
output = "images" if len(manifest["sample"]["shape"]) == 3 else "samples"
samples = session("generator.onnx").run([output], inputs)[0]
drawn = {"latents": list(latents.tobytes()), "samples": list(samples.tobytes())}
print(json.dumps({"version": onnxruntime.__version__, **drawn}))
