"""What the loops written here draw: real pictures in [-1, 1], latents, and noise for penalties."""

from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

try:
    TRANSFORMS: Any = import_module("torchvision.transforms")
    LOADER = f"DataLoader, transforms of torchvision {version('torchvision')}"
except (ImportError, RuntimeError):  # a torchvision that was built for another torch raises RuntimeError
    TRANSFORMS = None
    LOADER = "DataLoader, our stand-in for torchvision's transforms"


class Drawn(Protocol):
    """One call of each for every update that needs it, in this order."""

    def real(self) -> Tensor:
        """Pictures [N, C, H, W] in [-1, 1]."""
        ...

    def latents(self) -> Tensor:
        """[N, Z]."""
        ...

    def uniform(self) -> Tensor:
        """[N, 1, 1, 1] in [0, 1)."""
        ...


class Random:
    """Latents and noise from torch's own generator."""

    def __init__(self, batch_size: int, latent_size: int, device: torch.device) -> None:
        self.batch_size = batch_size
        self.latent_size = latent_size
        self.device = device

    def latents(self) -> Tensor:
        return torch.randn(self.batch_size, self.latent_size, device=self.device)

    def uniform(self) -> Tensor:
        return torch.rand(self.batch_size, 1, 1, 1, device=self.device)


class Loaded(Random):
    """Real pictures as tutorials load them, one after the other, in the process that trains."""

    def __init__(self, pictures: np.ndarray, batch_size: int, latent_size: int, device: torch.device) -> None:
        super().__init__(batch_size, latent_size, device)
        self.batches = endless(DataLoader(Pictures(pictures), batch_size, shuffle=True, drop_last=True))

    def real(self) -> Tensor:
        return next(self.batches).to(self.device)


class Indexed(Random):
    """Real pictures as one tensor uint8 on the device, in an order drawn anew for each epoch."""

    def __init__(self, pictures: np.ndarray, batch_size: int, latent_size: int, device: torch.device) -> None:
        super().__init__(batch_size, latent_size, device)
        self.pictures = torch.from_numpy(pictures).to(device)
        self.order = iter(())

    def real(self) -> Tensor:
        rows: Tensor | None = next(self.order, None)
        if rows is None or len(rows) < self.batch_size:
            self.order = iter(torch.randperm(len(self.pictures), device=self.device).split(self.batch_size))
            rows = next(self.order)
        return self.pictures[rows].float().div_(127.5).sub_(1)


class Pictures(Dataset[Tensor]):
    """One picture at a time, as data sets of torchvision give them: Pillow, then ToTensor, then Normalize."""

    def __init__(self, pictures: np.ndarray) -> None:
        channels = pictures.shape[1]
        self.pictures = pictures.transpose(0, 2, 3, 1)  # uint8 [N, H, W, C]
        half = [0.5] * channels
        self.transform = (
            TRANSFORMS.Compose([TRANSFORMS.ToTensor(), TRANSFORMS.Normalize(half, half)])
            if TRANSFORMS
            else lambda picture: normalize(to_tensor(picture), half, half)
        )

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, number: int) -> Tensor:
        pixels = self.pictures[number]
        return self.transform(Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else np.ascontiguousarray(pixels)))


def to_tensor(picture: Image.Image) -> Tensor:
    """Height, width, channels in 0…255 to channels, height, width in [0, 1]."""
    pixels = torch.from_numpy(np.array(picture, copy=True))
    pixels = pixels.view(picture.size[1], picture.size[0], len(picture.getbands()))
    return pixels.permute(2, 0, 1).contiguous().to(torch.get_default_dtype()).div(255)


def normalize(picture: Tensor, mean: list[float], deviation: list[float]) -> Tensor:
    """Less the mean, over the deviation, each a list, as users give them."""
    means = torch.as_tensor(mean, dtype=picture.dtype, device=picture.device).view(-1, 1, 1)
    deviations = torch.as_tensor(deviation, dtype=picture.dtype, device=picture.device).view(-1, 1, 1)
    return picture.clone().sub_(means).div_(deviations)


def endless(loader: DataLoader[Tensor]) -> Iterator[Tensor]:
    """One epoch after the other."""
    while True:
        yield from loader
