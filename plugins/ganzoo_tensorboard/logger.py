"""Writes each line of a run's log as scalars that TensorBoard reads."""

from collections.abc import Mapping

from torch.utils.tensorboard import SummaryWriter

from ganzoo.api import StepDone

FOLDER = "tensorboard"  # in the run's folder


class TensorBoardLogger:
    """One file of events for each time that the run was started or resumed."""

    def __init__(self) -> None:
        self.writer: SummaryWriter | None = None

    def __call__(self, event: StepDone) -> None:
        """Write all numbers of one event. The first makes TensorBoard leave out what older files say of later steps."""
        if self.writer is None:
            self.writer = SummaryWriter(str(event.run / FOLDER), purge_step=event.step)
        for tag, value in scalars(event).items():
            self.writer.add_scalar(tag, value, event.step)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


def scalars(event: StepDone) -> dict[str, float]:
    """Every number by its tag, in the units of StepDone; tags before a slash become groups."""
    groups: dict[str, Mapping[str, float]] = {
        "terms": event.terms,
        "gradient_norm": event.gradient_norms,
        "learning_rate": event.learning_rates,
    }
    found = {f"{group}/{name}": value for group, values in groups.items() for name, value in values.items()}
    return found | {
        "game/probability_real": event.probability_real,
        "game/probability_fake": event.probability_fake,
        "game/value": event.value,
        "game/largest_logit": event.largest_logit,
        "game/spread": event.spread,
        "speed/samples_per_second": event.samples_per_second,
        "speed/memory_bytes": event.memory,
    }
