"""A generator that can be computed by hand, as a graph."""

from math import prod

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

PICTURE = (3, 5, 4)  # C, H, W, all different so that no two can be confused
POINT = (2,)
SIZE = 6  # Z


def weights(shape: tuple[int, ...], size: int = SIZE) -> np.ndarray:
    """The generator is samples = tanh(latents @ weights)."""
    return np.random.default_rng(0).normal(size=(size, prod(shape))).astype(np.float32)


def make_graph(shape: tuple[int, ...], size: int = SIZE) -> onnx.ModelProto:
    """latents [N, Z] → samples [N, S...], and for pictures images [N, H, W, C]."""
    constants = {
        "weights": weights(shape, size),
        "shape": np.array([-1, *shape]),
        "scale": np.float32(127.5),
        "middle": np.float32(128),
        "black": np.float32(0),
        "white": np.float32(255),
    }
    nodes = [
        helper.make_node("MatMul", ["latents", "weights"], ["flat"]),
        helper.make_node("Tanh", ["flat"], ["squashed"]),
        helper.make_node("Reshape", ["squashed", "shape"], ["samples"]),
    ]
    outputs = [helper.make_tensor_value_info("samples", TensorProto.FLOAT, ["N", *shape])]
    if len(shape) == 3:
        nodes += [
            helper.make_node("Mul", ["samples", "scale"], ["scaled"]),
            helper.make_node("Add", ["scaled", "middle"], ["shifted"]),
            helper.make_node("Floor", ["shifted"], ["levels"]),
            helper.make_node("Clip", ["levels", "black", "white"], ["clipped"]),
            helper.make_node("Cast", ["clipped"], ["bytes"], to=TensorProto.UINT8),
            helper.make_node("Transpose", ["bytes"], ["images"], perm=[0, 2, 3, 1]),
        ]
        channels, height, width = shape
        images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", height, width, channels])
        outputs.insert(0, images)
    inputs = [helper.make_tensor_value_info("latents", TensorProto.FLOAT, ["N", size])]
    tensors = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
