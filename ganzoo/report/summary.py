"""What was run, in a few lines."""

from html import escape
from itertools import pairwise
from math import log

from ganzoo.report.curves import is_break, resumed_before
from ganzoo.report.material import Line, Material
from ganzoo.training.display import signed


def summary(material: Material) -> str:
    """Names and numbers, each with what it is called."""
    facts = {**made_of(material), **went(material), **ended(material)}
    return f"<dl>{''.join(f'<div><dt>{key}</dt><dd>{escape(value)}</dd></div>' for key, value in facts.items())}</dl>"


def headline(material: Material) -> str:
    """One sentence."""
    lines = material.log.lines
    far = f"{lines[-1].step:,} steps" if lines else "with nothing logged yet"
    return escape(f"Recipe {material.config.recipe} on {material.config.dataset.name}, {far}.")


def made_of(material: Material) -> dict[str, str]:
    """The parts of the run."""
    config, data = material.config, material.facts.get("data", {})
    kind = "pictures" if len(material.shape) == 3 else "points"
    classes = f", {len(material.classes)} classes" if material.classes else ""
    size = f"{data['samples']:,} {kind} of {'×'.join(map(str, material.shape))}{classes}" if "samples" in data else ""
    extras = {"Regularizers": config.regularizers, "Augmentations": config.augmentations, "Wrappers": config.wrappers}
    return {
        "Recipe": config.recipe,
        "Data": ", ".join(filter(None, (config.dataset.name, size))),
        "Generator": config.generator.name,
        "Discriminator": config.discriminator.name,
        "Latents": config.latents.name,
        "Loss": config.loss.name,
        **{key: ", ".join(names) for key, names in extras.items() if names},
    }


def went(material: Material) -> dict[str, str]:
    """How it was done: how long, how fast, on what."""
    config, machine, lines = material.config, material.facts.get("machine", {}), material.log.lines
    found = {"Batch": f"{config.batch_size}", "Seed": f"{config.seed}"}
    if "device" in machine:
        found["Device"] = f"{machine['device']}, {config.precision}"
    found["Started"] = str(material.facts.get("created", "")).replace("T", " ").removesuffix("+00:00")
    if lines:
        resumed = resumed_before(lines)
        found["Training"] = duration(seconds_of(lines)) + (f", in {len(resumed) + 1} parts" if resumed else "")
        if lines[-1].samples_per_second is not None:
            found["Speed"] = f"{lines[-1].samples_per_second:,.0f} samples/s at the end"
        if lines[-1].memory:
            found["Memory"] = f"{lines[-1].memory / 2**30:.2f} GiB at most"
    return {key: value for key, value in found.items() if value}


def ended(material: Material) -> dict[str, str]:
    """How the game stood at the last line of the log."""
    if not material.log.lines:
        return {}
    last = material.log.lines[-1]
    found = {"Steps": f"{last.step:,}"}
    if last.probability_real is not None and last.probability_fake is not None:
        found["D(x), D(G(z)) at the end"] = f"{last.probability_real:.2f}, {last.probability_fake:.2f}"
    if last.value is not None:
        found["V at the end"] = f"{last.value:.2f} = -log 4 {signed(last.value + log(4))}"
    return found


def seconds_of(lines: list[Line]) -> float:
    """Of all parts of a run that was resumed, for each of which the clock began anew."""
    ends = [before for before, after in pairwise(lines) if is_break(before, after)] + lines[-1:]
    return sum(line.seconds for line in ends)


def duration(seconds: float) -> str:
    """In the two largest units."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
