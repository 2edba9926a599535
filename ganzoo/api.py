"""The public surface for a plugin's top level; imports no torch. Beside torch, use `ganzoo.contracts`."""

from ganzoo.core.errors import BadData, BadSetting, GanzooError
from ganzoo.core.events import StepDone
from ganzoo.core.hookspecs import hookimpl
from ganzoo.core.schedule import Schedule
from ganzoo.core.specs import (
    AugmentationSpec,
    Data,
    DatasetSpec,
    DiscriminatorSpec,
    GeneratorSpec,
    LatentsSpec,
    Logger,
    LoggerSpec,
    LossSpec,
    NoOptions,
    RegularizerSpec,
    RemoteFile,
    Rows,
    SampleSpec,
    Source,
)

__all__ = [
    "AugmentationSpec",
    "BadData",
    "BadSetting",
    "Data",
    "DatasetSpec",
    "DiscriminatorSpec",
    "GanzooError",
    "GeneratorSpec",
    "LatentsSpec",
    "Logger",
    "LoggerSpec",
    "LossSpec",
    "NoOptions",
    "RegularizerSpec",
    "RemoteFile",
    "Rows",
    "SampleSpec",
    "Schedule",
    "Source",
    "StepDone",
    "hookimpl",
]
