"""A run's log for TensorBoard, with `--log tensorboard`."""

from typing import TYPE_CHECKING

from ganzoo.api import GanzooError, LoggerSpec, NoOptions, hookimpl

if TYPE_CHECKING:
    from ganzoo.api import Logger


@hookimpl
def ganzoo_loggers() -> list[LoggerSpec]:
    return [
        LoggerSpec(
            name="tensorboard",
            summary="Curves for TensorBoard, in the run's folder; needs the extra ganzoo[tensorboard]",
            source="https://www.tensorflow.org/tensorboard",
            build=build_logger,
        )
    ]


def build_logger(_options: NoOptions) -> "Logger":
    """Raises GanzooError where TensorBoard is not installed."""
    try:
        from ganzoo_tensorboard.logger import TensorBoardLogger
    except ImportError as error:
        raise GanzooError(
            f"--log tensorboard needs TensorBoard ({error}); run: pip install 'ganzoo[tensorboard]'"
        ) from error
    return TensorBoardLogger()
