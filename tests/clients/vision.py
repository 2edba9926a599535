"""Imports torchvision, which torch-fidelity needs, on any machine."""

import torch

try:  # a torchvision for GPUs cannot load its own operations beside a torch without; none of them is used here
    import torchvision
except RuntimeError:
    for name in ("nms", "qnms"):
        torch.library.define(f"torchvision::{name}", "(Tensor boxes, Tensor scores, float threshold) -> Tensor")
    import torchvision  # noqa: F401
