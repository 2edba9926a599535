"""From pictures to the features that metrics compare: the pixels, or those of an ONNX file.

N = pictures, H, W, C = height, width and channels, F = features.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import msgspec
import numpy as np
from jaxtyping import Float32, UInt8

from ganzoo.core.errors import BadData, GanzooError, UsageError, did_you_mean, first_line
from ganzoo.core.files import sha256
from ganzoo.sampling.providers import Device, open_session
from ganzoo.sampling.runtime import ort

AT_ONCE = 64  # pictures


@runtime_checkable
class Extractor(Protocol):
    """What makes numbers of pictures that metrics can compare."""

    @property
    def name(self) -> str: ...

    @property
    def hash(self) -> str:
        """SHA-256 of its weights; empty where it has none."""
        ...

    def features(self, pictures: UInt8[np.ndarray, "N H W C"]) -> Float32[np.ndarray, "N F"]:
        """Row by row. Raises BadData for pictures of a size that it does not take."""
        ...


def title(extractor: Extractor) -> str:
    """How scores name it: `mnist-cnn@1a2b3c4d`, or `pixels`."""
    return f"{extractor.name}@{extractor.hash[:8]}" if extractor.hash else extractor.name


@dataclass(frozen=True, slots=True)
class Pixels:
    """The pictures' own values in 0…1."""

    name: str = "pixels"
    hash: str = ""

    def features(self, pictures: UInt8[np.ndarray, "N H W C"]) -> Float32[np.ndarray, "N F"]:
        return pictures.reshape(len(pictures), -1) / np.float32(255)


@dataclass(frozen=True, slots=True, kw_only=True)
class SideCar:
    """What `NAME.json` beside `NAME.onnx` says of the graph."""

    name: str
    height: int  # pixels, of the pictures that it takes; none are resized
    width: int
    channels: Literal[1, 3] = 3  # grey pictures are repeated to 3
    range: tuple[float, float] = (0.0, 255.0)  # what black and white are to it
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    output: str = ""  # of several; "" = the first


class OnnxExtractor:
    """A graph from pictures float32 to features [N, F], run by onnxruntime."""

    def __init__(self, path: Path, device: Device = "auto") -> None:
        """Raises UsageError where there is no such file, or its side-car is missing or wrong; see `open_session`."""
        if not path.is_file():
            raise UsageError(f"There is no file {path}; --features onnx:PATH takes an .onnx file.")
        beside = path.with_suffix(".json")
        self.facts = read_side_car(beside)
        self.name = self.facts.name
        self.hash = hashlib.sha256((sha256(path) + sha256(beside)).encode()).hexdigest()
        self.session = open_session(path, device)
        outputs = [each.name for each in self.session.get_outputs()]
        self.output = self.facts.output or outputs[0]
        if self.output not in outputs:
            raise UsageError(f"{path} has no output {self.output!r}; {did_you_mean(self.output, outputs)}")
        if len(self.session.get_inputs()) != 1:
            raise UsageError(f"{path} has {len(self.session.get_inputs())} inputs; an extractor has one, pictures.")

    def features(self, pictures: UInt8[np.ndarray, "N H W C"]) -> Float32[np.ndarray, "N F"]:
        """Raises BadData for another size or number of channels, and GanzooError where the graph fails."""
        parts = np.array_split(self.prepared(pictures), max(1, -(-len(pictures) // AT_ONCE)))
        return np.concatenate([run(self.session, self.output, self.scaled(part)) for part in parts])

    def prepared(self, pictures: UInt8[np.ndarray, "N H W C"]) -> UInt8[np.ndarray, "N H W D"]:
        """With as many channels as the graph takes."""
        size, channels = pictures.shape[1:3], pictures.shape[3]
        if size != (self.facts.height, self.facts.width):
            raise BadData(
                f"The extractor {self.name} takes pictures of {self.facts.height}×{self.facts.width} pixels, and these "
                f"have {size[0]}×{size[1]}; put a resize into its graph, or use another."
            )
        if channels not in (1, self.facts.channels):
            raise BadData(
                f"The extractor {self.name} takes {self.facts.channels} channels, and these pictures have {channels}."
            )
        return np.repeat(pictures, self.facts.channels, 3) if channels == 1 else pictures

    def scaled(self, pictures: UInt8[np.ndarray, "N H W C"]) -> np.ndarray:
        """As the graph wants them: float32, in its range and layout."""
        low, high = self.facts.range
        values = pictures * np.float32((high - low) / 255) + np.float32(low)
        return values if self.facts.layout == "NHWC" else np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def read_side_car(path: Path) -> SideCar:
    """Raises UsageError that says what is wrong with it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=SideCar)
    except FileNotFoundError as error:
        raise UsageError(
            f"{path} is missing; it says what the graph takes, e.g. "
            '{"name": "lenet", "height": 28, "width": 28, "channels": 1, "range": [0, 1]}.'
        ) from error
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(f"{path} does not say what the graph takes: {error}.") from error


def run(session: ort.InferenceSession, output: str, pictures: np.ndarray) -> Float32[np.ndarray, "N F"]:
    """Raises GanzooError where the graph fails, or its output is no [N, F]."""
    (entry,) = session.get_inputs()
    try:
        found = session.run([output], {entry.name: pictures})[0]
    except Exception as error:  # onnxruntime's exceptions share no base
        raise GanzooError(f"The extractor failed on {list(pictures.shape)}: {first_line(error)}.") from error
    if found.ndim != 2 or len(found) != len(pictures):
        raise GanzooError(
            f"The extractor made {list(found.shape)} of {len(pictures)} pictures; features are [N, F], so flatten them."
        )
    return found.astype(np.float32)
