"""A small convolutional network that tells the classes of labelled pictures: features and probabilities to judge by.

It learns from one half of a data set, so that scores can be made of pictures that it did not see, and is kept in the
user's cache, by data and settings. N = pictures, H, W, C = height, width and channels, F = features, K = classes.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ganzoo.core.errors import BadData
from ganzoo.core.files import sha256, written_whole
from ganzoo.core.specs import Data
from ganzoo.data.check import digest as digest_of
from ganzoo.data.fetch import cache_folder
from ganzoo.data.memory import take
from ganzoo.training.display import Display
from ganzoo.training.draws import to_unit_range

SETTINGS = {"design": 1, "width": 32, "features": 128, "updates": 700, "batch": 100, "seed": 0}
LONGER = 4  # times as many updates for one that counts modes, where each error may find a mode that is not there
EXAMINED = 10_000  # pictures, at most, that the accuracy is measured on
AT_ONCE = 500  # pictures
SMALLEST = 4  # pixels: what two halvings leave something of
LARGEST_MAP = 8  # pixels; the last map of larger pictures is averaged to this side


@dataclass(frozen=True, slots=True)
class Classifier:
    """A trained network, its accuracy on pictures that it did not see, and the hash of its weights."""

    name: str  # e.g. "mnist-cnn"
    hash: str  # SHA-256 of its file
    accuracy: float
    network: nn.Sequential
    device: torch.device
    by_channel: bool = False  # whether it tells what each channel of stacked pictures shows, one by one

    def features(self, pictures: UInt8[np.ndarray, "N H W C"]) -> Float32[np.ndarray, "N F"]:
        """The 128 numbers before the classes'; of stacked pictures those of all channels, in their order."""
        return np.concatenate([self.features_at_once(part) for part in in_parts(pictures)])

    def probabilities(self, pictures: UInt8[np.ndarray, "N H W C"]) -> Float32[np.ndarray, "N K"]:
        """Of each class; of a class of stacked pictures, the product of what its channels show."""
        return self.probabilities_of(self.features(pictures))

    def probabilities_of(self, features: Float32[np.ndarray, "N F"]) -> Float32[np.ndarray, "N K"]:
        """The same, of pictures whose features are known."""
        each = self.by_channel_of(features)
        found = each[:, 0]
        for channel in range(1, each.shape[1]):
            found = (found[:, :, None] * each[:, channel, None]).reshape(len(each), -1)
        return found

    def labels(self, pictures: UInt8[np.ndarray, "N H W C"]) -> Int64[np.ndarray, "N"]:
        """The likeliest class."""
        each = self.by_channel_of(self.features(pictures))
        return np.ravel_multi_index(tuple(each.argmax(2).T), each.shape[2:] * each.shape[1])

    @torch.no_grad()
    def features_at_once(self, pictures: UInt8[np.ndarray, "N H W C"]) -> Float32[np.ndarray, "N F"]:
        values = from_bytes(pictures).to(self.device)
        single = values.flatten(0, 1)[:, None] if self.by_channel else values  # [N * C, 1, H, W] or [N, C, H, W]
        return self.network[:-1](single).reshape(len(pictures), -1).cpu().numpy()

    @torch.no_grad()
    def by_channel_of(self, features: Float32[np.ndarray, "N F"]) -> Float32[np.ndarray, "N C k"]:
        """Probabilities of what each channel shows; C = 1 where pictures are judged as a whole."""
        each = torch.from_numpy(features).to(self.device).unflatten(1, (-1, SETTINGS["features"]))
        return self.network[-1](each).softmax(2).cpu().numpy()


def in_parts(pictures: UInt8[np.ndarray, "N H W C"]) -> list[np.ndarray]:
    """Of at most AT_ONCE pictures."""
    return np.array_split(pictures, max(1, -(-len(pictures) // AT_ONCE)))


def from_bytes(pictures: UInt8[np.ndarray, "N H W C"]) -> Tensor:
    """To [N, C, H, W] in [-1, 1]."""
    return to_unit_range(torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy()))


def learnt_from(count: int) -> Int64[np.ndarray, "rows"]:
    """The numbers of the pictures, half of all, that a classifier learns from; the same everywhere."""
    return np.sort(np.random.default_rng(0).permutation(count)[: count // 2])


def unseen(count: int) -> Int64[np.ndarray, "rows"]:
    """The numbers of the others."""
    return np.setdiff1d(np.arange(count), learnt_from(count))


def classifier_of(
    data: Data, name: str, digest: str, device: torch.device, display: Display, longer: int = 1
) -> Classifier:
    """The classifier of the data set of this name and digest: from the cache, or trained now, so many times as long.

    That of stacked pictures has learnt from what their channels are drawn from; its accuracy is that on one channel.
    Raises BadData for data without two classes, for points, and for pictures that are too small or too few.
    """
    if data.parts is not None:
        single = classifier_of(data.parts, f"{name}-channel", digest_of(data.parts), device, display, LONGER)
        return replace(single, by_channel=True)
    check(data, name)
    settings = SETTINGS | {"updates": longer * SETTINGS["updates"]}
    which = hashlib.sha256(repr(sorted(settings.items())).encode()).hexdigest()
    path = cache_folder() / "classifiers" / f"{name}-{digest[:16]}-{which[:8]}.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SETTINGS["seed"])
        network = small_network(data.spec.shape, len(data.classes)).to(device)
    accuracy = read(path, network)
    if accuracy is None:
        train(network, data, settings["updates"], device, display)
        write(path, network, examined(Classifier(name, "", 0.0, network.eval(), device), data))
        accuracy = read(path, network)
    assert accuracy is not None, "it has just been written"
    return Classifier(f"{name}-cnn", sha256(path), accuracy, network.eval(), device)


def check(data: Data, name: str) -> None:
    """Raise BadData like `classifier_of`."""
    if not data.spec.is_picture:
        raise BadData(f"{name} holds points, and a classifier judges pictures; use metrics of samples or modes.")
    if data.labels is None:
        raise BadData(f"{name} has no labels, which a classifier learns from; use --features pixels or onnx:PATH.")
    if len(data.classes) < 2:
        raise BadData(f"{name} has a single class, and a classifier tells two; use --features pixels or onnx:PATH.")
    if min(data.spec.shape[1:]) < SMALLEST or len(data.labels) < 2:
        raise BadData(
            f"{len(data.labels)} pictures {list(data.spec.shape)} are too few or too small for a classifier; use "
            "--features pixels."
        )


def small_network(shape: tuple[int, ...], classes: int) -> nn.Sequential:
    """Two convolutions, each with a halving, and two linear layers."""
    channels, width, features = shape[0], SETTINGS["width"], SETTINGS["features"]
    height, breadth = (min(LARGEST_MAP, side // 4) for side in shape[1:])
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d((height, breadth)),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(2 * width * height * breadth, features),
        nn.ReLU(),
        nn.Linear(features, classes),
    )


def train(network: nn.Sequential, data: Data, count: int, device: torch.device, display: Display) -> None:
    """By Adam, on the pictures of `learnt_from`; the process's random numbers stay as they were."""
    assert data.labels is not None
    rows, random = learnt_from(len(data.labels)), np.random.default_rng(SETTINGS["seed"])
    updates: Iterable[int] = display.track(range(count), "Training a classifier")
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(SETTINGS["seed"])
        optimizer = torch.optim.Adam(network.parameters(), 1e-3, weight_decay=1e-4)
        network.train()
        for _ in updates:
            batch = random.choice(rows, SETTINGS["batch"])
            pictures = to_unit_range(torch.from_numpy(take(data.samples, batch)).to(device))
            optimizer.zero_grad()
            cross_entropy(network(pictures), torch.from_numpy(data.labels[batch]).to(device)).backward()
            optimizer.step()


def examined(classifier: Classifier, data: Data) -> float:
    """The share of unseen pictures whose class it tells."""
    assert data.labels is not None
    rows = unseen(len(data.labels))[:EXAMINED]
    pictures = np.ascontiguousarray(take(data.samples, rows).transpose(0, 2, 3, 1))
    return float((classifier.labels(pictures) == data.labels[rows]).mean())


def write(path: Path, network: nn.Sequential, accuracy: float) -> None:
    """Raises GanzooError where the disk refuses."""
    values = {key: value.cpu().contiguous() for key, value in network.state_dict().items()}
    with written_whole(path) as unfinished:
        save_file(values, unfinished, {"accuracy": repr(accuracy)})


def read(path: Path, network: nn.Sequential) -> float | None:
    """Fill the network with the file's weights; its accuracy, or None where there is no file or it is damaged."""
    try:
        with safe_open(path, "pt") as file:
            network.load_state_dict({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118 - no mapping
            return float(file.metadata()["accuracy"])
    except (OSError, SafetensorError, RuntimeError, KeyError, TypeError, ValueError):
        return None
