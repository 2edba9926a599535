"""What a plugin hands to the host: small frozen records that import no torch.

N = batch, Z = size of a latent, `S...` = shape of one sample.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from ganzoo.contracts import Augmentation, Loss, Regularizer
    from ganzoo.core.events import StepDone
    from ganzoo.core.walk import Walk
    from ganzoo.latents import Latents

T = TypeVar("T")

Said = Literal["class_logits", "code"]  # what a verdict may have beside logits that is worth nothing until it is taught


@dataclass(frozen=True, slots=True)
class Code:
    """The part of a latent that a discriminator may read back from a sample: its first columns, in this order."""

    categories: tuple[int, ...] = ()  # of each categorical variable, one column for each of its values: one-hot
    continuous: int = 0  # variables of one column each

    @property
    def size(self) -> int:
        """Columns in all."""
        return sum(self.categories) + self.continuous


@dataclass(frozen=True, slots=True)
class SampleSpec:
    """One sample of a dataset; networks are built from it and never ask the user for sizes."""

    shape: tuple[int, ...]  # (C, H, W) for pictures, (D,) for points
    num_classes: int = 0  # 0 = unlabelled
    code: Code = Code()  # of the prior, where it has one

    @property
    def is_picture(self) -> bool:
        return len(self.shape) == 3

    @property
    def size(self) -> int:
        """Numbers in one sample."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class NoOptions:
    """For components that have nothing to set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What every component says of itself."""

    name: str  # what a user types, e.g. "non-saturating"
    summary: str  # one line for `ganzoo list`
    source: str  # arXiv id or URL
    options: type = NoOptions  # a frozen dataclass with a default for every field


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorSpec(Spec):
    """`build(sample, Z, options)`: a module (latents [N, Z], labels [N] | None) → samples [N, S...]."""

    build: "Callable[[SampleSpec, int, Any], nn.Module]"
    conditional: bool = False  # whether it reads labels, and cannot do without
    truncates: bool = False  # whether it takes a third argument, `truncation`, float32 []: 1 = as trained, 0 = the mean


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscriminatorSpec(Spec):
    """`build(sample, options)`: a module (samples [N, S...], labels [N] | None) → Verdict."""

    build: "Callable[[SampleSpec, Any], nn.Module]"
    row_wise: bool = False  # each verdict depends on its own sample alone, so that real and fake may share a pass
    conditional: bool = False  # whether it reads labels, or the classes' number, and cannot do without
    says: tuple[Said, ...] = ()  # what its verdicts have that a loss or a regularizer has to teach it


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapperSpec(Spec):
    """`build(inner, sample, options)`: a discriminator made of another one, which `inner(sample)` builds.

    `inner` may be asked for other samples than the data's, and the verdict may have fewer rows than there are samples.
    """

    build: "Callable[[Callable[[SampleSpec], nn.Module], SampleSpec, Any], nn.Module]"
    row_wise: bool = False  # whether it is, where the discriminator that it wraps is


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSpec(Spec):
    """`build(options)`: what both players minimise."""

    build: "Callable[[Any], Loss]"
    teaches: tuple[Said, ...] = ()  # what it teaches the discriminator to say


@dataclass(frozen=True, slots=True, kw_only=True)
class RegularizerSpec(Spec):
    """`build(options)`: terms added to one player's objective, or an act after its step."""

    build: "Callable[[Any], Regularizer]"
    teaches: tuple[Said, ...] = ()  # what it teaches the discriminator to say


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentationSpec(Spec):
    """`build(options)`: a differentiable change of all that the discriminator sees."""

    build: "Callable[[Any], Augmentation]"


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentsSpec(Spec):
    """`build(options)`: the prior p_z, in numpy."""

    build: "Callable[[Any], Latents]"
    normal: bool = False  # whether all its numbers are independent and from N(0, 1)


@runtime_checkable
class Logger(Protocol):
    """Told how one run goes; must not change it. An error ends the logging, not the run."""

    def __call__(self, event: "StepDone") -> None:
        """Told every `log_every` steps, and at the end. A run that was resumed may repeat steps that it told before."""
        ...

    def close(self) -> None:
        """The run has ended, well or not; there may have been no event."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggerSpec(Spec):
    """`build(options)`: a logger for one run, which only runs with `--log NAME` have.

    It is built before any work is done, and raises GanzooError where a package that it needs is missing.
    """

    build: "Callable[[Any], Logger]"


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file that is downloaded once, and checked."""

    name: str
    urls: tuple[str, ...]  # mirrors, tried in turn
    digest: str  # of the file as downloaded: "md5:…" or "sha256:…"


@runtime_checkable
class Rows(Protocol):
    """Samples that are read when they are asked for, of a data set that may be larger than the memory.

    They may be read in other processes, into which they are forked or pickled, and there by one thread each.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, C, H, W) or (N, D)."""
        ...

    @property
    def dtype(self) -> "np.dtype[Any]":
        """uint8 for pictures, float32 for points."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        """The samples of these numbers, int64 [M] in 0…N - 1. Raises BadData that names what cannot be read."""
        ...

    def digest(self) -> str:
        """What tells these samples from others, found without decoding all of them; the same on every machine."""
        ...


@dataclass(frozen=True, slots=True)
class Modes:
    """The normal distributions that points were drawn from, all equally likely and of one width."""

    means: "np.ndarray[Any, Any]"  # float64 [K, D]
    std: float  # of each coordinate within a mode


@dataclass(frozen=True, slots=True)
class Data:
    """A data set, in memory or read piece by piece.

    `samples` is uint8 [N, C, H, W] in 0…255 for pictures, float32 [N, D] for points: an array, which may be a
    memory-mapped file, or Rows; `labels` is int64 [N] in 0…len(classes) - 1, or None.

    Stacked pictures show a picture of `parts`, [M, 1, H, W] with K classes, in each channel, drawn independently of the
    others. Their label is the number whose digits, to base K, are the labels of these, the first channel's foremost.
    """

    samples: "np.ndarray[Any, Any] | Rows"
    labels: "np.ndarray[Any, Any] | None" = None
    classes: tuple[str, ...] = ()
    fingerprint: str = ""  # what `digest` said of Rows, where `samples` were read from those
    modes: Modes | None = None  # of points whose modes are known, so that a GAN's can be counted
    parts: "Data | None" = None  # of stacked pictures: what their channels are drawn from

    @property
    def spec(self) -> SampleSpec:
        return SampleSpec(tuple(self.samples.shape[1:]), len(self.classes))


@dataclass(frozen=True, slots=True)
class Exhibit:
    """Samples that a metric is shown, with what was found out about them. N = samples, F = features, K = classes."""

    samples: "np.ndarray[Any, Any]"  # uint8 [N, H, W, C] for pictures, float32 [N, D] for points
    features: "np.ndarray[Any, Any] | None" = None  # float32 [N, F], where a metric asks for "features"
    probabilities: "np.ndarray[Any, Any] | None" = None  # float32 [N, K], a classifier's, for "probabilities"
    logits: "np.ndarray[Any, Any] | None" = None  # float32 [N, 1008], Inception's, for "logits"
    labels: "np.ndarray[Any, Any] | None" = None  # int64 [N], that the samples were drawn or collected under


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a metric may look at."""

    generated: Exhibit
    real: Exhibit  # as many where there are, and other ones than any that are scored in the place of generated ones
    training: "np.ndarray[Any, Any]"  # as `samples`: all that a generator may have copied
    seed: int  # of whatever a metric draws
    count_modes: "Callable[[np.ndarray[Any, Any]], Mapping[str, float]] | None" = None  # of points, if they are known
    walk: "Walk | None" = None  # of generated samples, where a metric asks for "paths"


Better = Literal["lower", "higher"]
Metric = Callable[[Evidence], Mapping[str, float | list[float]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSpec(Spec):
    """`build(options)`: a function of Evidence to numbers by name; lists are for files, and not for the table.

    It raises BadData for too few samples. Names of numbers made of features stand before the extractor's, as in
    `FD[mnist-cnn@1a2b3c4d]`; with Inception's, FD is called FID, and KD KID.
    """

    build: Callable[[Any], Metric]
    sees: Literal["samples", "features", "probabilities", "logits", "modes", "paths"]  # what it cannot do without
    better: Mapping[str, Better] = field(default_factory=dict)  # of its numbers, where more or less is better


@dataclass(frozen=True, slots=True)
class Source:
    """Where a data set's files are, how to show that reading them goes on, and what may be read into memory."""

    path: Path | None = None  # the user's `--data`, or the folder into which `files` were downloaded
    track: "Callable[[Iterable[T], str], Iterable[T]]" = field(default=lambda items, _title: items)
    fits: "Callable[[int], bool]" = field(default=lambda _size: True)  # whether samples of so many bytes may be


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSpec(Spec):
    """`open(source, options)`: the whole data set; as an array, or as Rows where `source.fits` denies it."""

    open: "Callable[[Source, Any], Data]"
    licence: str  # of the data, as its owner states it
    files: tuple[RemoteFile, ...] = ()  # what `open` reads; downloaded where the user has no copy
    folder: str = ""  # that holds `files`; "" = called as the data set, else as another with the same files
    takes_path: bool = False  # whether `open` reads the user's own `--data`; without `files` it needs one
    argument: str = ""  # the option that a user may write behind the name: `NAME:VALUE`


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A combination that is known to train: words for people, and the settings that differ from defaults."""

    name: str
    summary: str
    paper: str  # arXiv id or URL
    good_for: str
    expect: str  # which score, after which time, on which machine
    differences: str  # where a value is not the paper's, and why
    settings: Mapping[str, Any]  # nested as in the file
    origin: Path
