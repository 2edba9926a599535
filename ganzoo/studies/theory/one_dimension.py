"""A whole game on the line: the recipe `mlp-1d`, trained as `ganzoo train` would, and looked at as it went.

Points are the middles of bins of the line.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from ganzoo import session
from ganzoo.catalog import load_catalog
from ganzoo.core.run_folder import RunFolder
from ganzoo.recipes import Change
from ganzoo.studies.theory.divergences import Normal, jsd
from ganzoo.studies.theory.optimum import LOWEST
from ganzoo.studies.theory.statement import GAN, Statement
from ganzoo.studies.theory.verdicts import play_of
from ganzoo.training.build import Components, build
from ganzoo.training.checkpoint import load_average
from ganzoo.training.display import Display
from ganzoo.training.prepare import load_data

RECIPE = "mlp-1d"
DATA = Normal(1.0, 1.0)
LOOKS = (0, 25, 100, 400, 1600)  # steps: the first of all, and each four times the one before
CHANGES: tuple[Change, ...] = (  # a D that keeps up, which the recipe's does not: its samples stay too narrow
    (["dataset", "mean"], DATA.mean),
    (["dataset", "std"], DATA.std),
    (["d_steps"], 4),
    (["discriminator", "width"], 64),
    (["discriminator_optimizer", "learning_rate"], 2e-3),
    (["regularizers", "r1", "gamma"], 0.01),
    (["steps"], LOOKS[-1]),
    (["checkpoint_every"], LOOKS[1]),
    (["keep_checkpoints"], LOOKS[-1] // LOOKS[1]),
    (["samples_every"], LOOKS[-1]),
)
NODES = 100_000  # numbers z that stand for N(0, 1), each for as much of it
BINS = 120
REACH = 6.0  # standard deviations of the data, to either side

Line = Float[np.ndarray, "points"]
Few = Float[np.ndarray, "arrows"]


@dataclass(frozen=True, slots=True)
class Look:
    """The game after one step."""

    step: int
    x: Line  # the middles of equal bins
    data: Line  # p_data at x
    made: Line  # p_g at x: a histogram of G(z)
    discriminator: Line  # D(x), in 0…1
    latents: Few  # some z, equally far apart
    samples: Few  # G of each of them
    mean: float  # of G(z)
    std: float
    value: float  # V(D, G), nats
    away: float  # mean |D(x) - 1/2| over the data
    distance: float  # JSD of data and samples, from the bins, nats


def play_out(out: Path, display: Display) -> list[Look]:
    """Train the game in a new folder below `out`, and look at it. Raises what a run raises."""
    run = session.start(RECIPE, CHANGES, None, out, "cpu", display)
    config, catalog = run.config(), load_catalog()
    data = load_data(config, catalog, display)
    parts = build(config, data, catalog, torch.device("cpu"))  # with the run's first weights, which follow its seed
    return [look(run, parts, step) for step in LOOKS]


@torch.no_grad()
def look(run: RunFolder, parts: Components, step: int) -> Look:
    """Both players as they were after `step`, the generator without its moving average, which D has not met."""
    if step:
        load_average(run.checkpoint_file(step), parts.players.generator, "generator")
        load_average(run.checkpoint_file(step), parts.players.discriminator, "discriminator")
    generator, judge = parts.players.generator.eval(), parts.players.discriminator.eval()
    z = torch.special.ndtri((torch.arange(NODES, dtype=torch.float64) + 0.5) / NODES)[:, None]
    real, fake = (DATA.mean + DATA.std * z).float(), generator(z.float(), None)
    on_real, on_fake = judge(real, None), judge(fake, None)
    terms = parts.loss.discriminator(play_of("discriminator", real, fake, on_real, on_fake))
    few = torch.linspace(-2.4, 2.4, 17)[:, None]
    edges = torch.linspace(-REACH, REACH, BINS + 1, dtype=torch.float64)
    middles, width = (edges[1:] + edges[:-1]) / 2, DATA.std * (edges[1] - edges[0]).item()
    x = DATA.mean + DATA.std * middles
    shares = shares_of((fake[:, 0].double() - DATA.mean) / DATA.std, edges)
    return Look(
        step,
        x=x.numpy(),
        data=DATA.log_density(x).exp().numpy(),
        made=(shares / width).numpy(),
        discriminator=judge(x.float()[:, None], None).logits.sigmoid().double().numpy(),
        latents=few[:, 0].double().numpy(),
        samples=generator(few, None)[:, 0].double().numpy(),
        mean=fake.mean().item(),
        std=fake.std().item(),
        value=-sum(term.item() for term in terms.values()),
        away=(on_real.logits.sigmoid() - 0.5).abs().mean().item(),
        distance=jsd(shares_of(z[:, 0], edges).log(), shares.log(), torch.ones(BINS, dtype=torch.float64)).item(),
    )


def shares_of(
    numbers: Float[torch.Tensor, "samples"], edges: Float[torch.Tensor, "edges"]
) -> Float[torch.Tensor, "bins"]:
    """The share of the numbers in each bin; what is beyond counts for the last."""
    bins = torch.bucketize(numbers, edges[1:-1])
    return torch.bincount(bins, minlength=len(edges) - 1).double() / len(numbers)


def of_the_game(end: Look) -> list[Statement]:
    """Where a game ends that goes well; V and D alone would say nothing, since a D that has learnt nothing has both."""
    theorem, figure = f"{GAN}, Theorem 1", f"{GAN}, figure 1"
    return [
        Statement("1-D GAN, trained: V(D, G)", theorem, end.value, LOWEST, 0.02),
        Statement("1-D GAN, trained: mean |D - 1/2| on data", figure, end.away, 0.0, 0.05),
        Statement("1-D GAN, trained: JSD of p_g and p_data", theorem, end.distance, 0.0, 0.02),
        Statement("1-D GAN, trained: mean of the samples", figure, end.mean, DATA.mean, 0.1),
        Statement("1-D GAN, trained: width of the samples", figure, end.std, DATA.std, 0.1),
    ]
