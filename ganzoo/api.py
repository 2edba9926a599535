"""The public surface for a plugin's top level; imports no torch. Beside torch, use `ganzoo.contracts`."""

from ganzoo.core.errors import BadData, BadSetting, GanzooError
from ganzoo.core.events import StepDone
from ganzoo.core.hookspecs import hookimpl
from ganzoo.core.numbers import Count, Natural, NotNegative, Positive
from ganzoo.core.schedule import Schedule, Scheduled, value_at
from ganzoo.core.specs import (
    AugmentationSpec,
    Code,
    Data,
    DatasetSpec,
    DiscriminatorSpec,
    GeneratorSpec,
    LatentsSpec,
    Logger,
    LoggerSpec,
    LossSpec,
    Modes,
    NoOptions,
    RegularizerSpec,
    RemoteFile,
    Rows,
    SampleSpec,
    Source,
    WrapperSpec,
)

__all__ = [
    "AugmentationSpec",
    "BadData",
    "BadSetting",
    "Code",
    "Count",
    "Data",
    "DatasetSpec",
    "DiscriminatorSpec",
    "GanzooError",
    "GeneratorSpec",
    "LatentsSpec",
    "Logger",
    "LoggerSpec",
    "LossSpec",
    "Modes",
    "Natural",
    "NoOptions",
    "NotNegative",
    "Positive",
    "RegularizerSpec",
    "RemoteFile",
    "Rows",
    "SampleSpec",
    "Schedule",
    "Scheduled",
    "Source",
    "StepDone",
    "WrapperSpec",
    "hookimpl",
    "value_at",
]
