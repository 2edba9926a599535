"""Inception's features, with which Fréchet's distance is FID: torch-fidelity's network, and weights that are checked.

N = pictures, H, W, C = height, width and channels.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from ganzoo.core.errors import BadData, GanzooError, UsageError, first_line
from ganzoo.core.files import sha256
from ganzoo.core.specs import RemoteFile
from ganzoo.data.download import Track, download
from ganzoo.data.fetch import cache_folder

AT_ONCE = 32  # pictures
FEATURES = "2048"  # torch-fidelity's name of the last average
WEIGHTS = RemoteFile(
    "weights-inception-2015-12-05-6726825d.pth",
    (
        "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
        "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
    ),
    "sha256:6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
)
OWN_NAMES: Mapping[str, str] = {"FD": "FID", "KD": "KID", "KD spread": "KID spread"}  # of numbers made of its features


@dataclass(frozen=True, slots=True)
class Inception:
    """The network of TensorFlow's file of 2015-12-05, which FID, KID and the inception score are defined by."""

    name: ClassVar[str] = "inception-2015-12-05"
    resize: ClassVar[str] = "grey repeated to RGB, bilinear to 299×299 like TensorFlow 1"  # done by torch-fidelity
    hash: str  # SHA-256 of its weights
    network: torch.nn.Module  # uint8 [N, 3, H, W] → ([N, 2048],)
    device: torch.device
    track: Track  # on a processor it sees some ten pictures in a second

    @torch.no_grad()
    def features(self, pictures: UInt8[np.ndarray, "N H W C"]) -> Float32[np.ndarray, "N F"]:
        """The 2048 numbers before the classes'. Raises BadData for pictures that are neither grey nor coloured."""
        if pictures.shape[3] not in (1, 3):
            raise BadData(
                f"Inception takes 1 or 3 channels, and these pictures have {pictures.shape[3]}; use --features pixels."
            )
        rows = torch.from_numpy(pictures.transpose(0, 3, 1, 2)).expand(-1, 3, -1, -1)
        parts = self.track(rows.split(AT_ONCE), "Showing pictures to Inception")
        return np.concatenate([self.network(part.to(self.device))[0].cpu().numpy() for part in parts])

    def logits(self, features: Float32[np.ndarray, "N F"]) -> Float32[np.ndarray, "N K"]:
        """Of its 1008 classes, without biases, as the inception score has always been computed."""
        weights: np.ndarray = self.network.get_parameter("fc.weight").detach().cpu().numpy()
        return features @ weights.T


def inception_of(path: Path | None, device: torch.device, track: Track) -> Inception:
    """With the weights at `path`, or those in the cache, where they are downloaded to on first use.

    Raises GanzooError where torch-fidelity is missing, UsageError where nothing is at `path`, and BadData where the
    weights are damaged, are others, or cannot be downloaded.
    """
    network_class = from_fidelity()
    file = downloaded(track) if path is None else path
    digest = checked(file)
    network = network_class("inception-v3-compat", [FEATURES], feature_extractor_weights_path=str(file))
    return Inception(digest, network.to(device), device, track)


def from_fidelity() -> Any:
    """The network's class, asked for before 95 MB are downloaded for it. Raises GanzooError where there is none."""
    try:
        return import_module("torch_fidelity.feature_extractor_inceptionv3").FeatureExtractorInceptionV3
    except ImportError as error:
        raise GanzooError(
            f"--features inception needs torch-fidelity ({first_line(error)}); run: pip install 'ganzoo[inception]'"
        ) from error
    except RuntimeError as error:  # a torchvision that was built for another torch
        raise GanzooError(
            f"torchvision does not work with torch {torch.__version__} ({first_line(error)}); install both from the "
            "same place, the one for CPUs or the one for your GPU: pip install --force-reinstall torch torchvision"
        ) from error


def downloaded(track: Track) -> Path:
    """The file of weights in the cache. Raises BadData where it cannot be had."""
    folder = cache_folder() / "inception"
    if not (folder / WEIGHTS.name).is_file():
        download([WEIGHTS], folder, track, f"name it where it is: --features inception:FOLDER/{WEIGHTS.name}")
    return folder / WEIGHTS.name


def checked(file: Path) -> str:
    """The SHA-256 of a file that holds the right weights.

    The file is a pickle, which may run code; so no other is ever opened.
    """
    if not file.is_file():
        raise UsageError(f"There is no file {file}; --features inception:PATH takes {WEIGHTS.name}.")
    found, expected = sha256(file), WEIGHTS.digest.removeprefix("sha256:")
    if found != expected:
        raise BadData(
            f"{file} is damaged, or no {WEIGHTS.name}: its SHA-256 is {found}, not {expected}; remove it and leave out "
            "PATH to have it downloaded, or use another network by --features onnx:PATH."
        )
    return found


def own_name(name: str) -> str:
    """What a number made of these features is called, by papers too."""
    return OWN_NAMES.get(name, name)
