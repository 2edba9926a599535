"""How many pictures a second the trainer sees, against the usual tutorial loop with the same networks and optimizer.

    python -m benchmarks.training [--rounds 7]

The loop is what introductions to GANs show: a DataLoader that turns one picture after the other into a normalised
tensor, probabilities and binary cross-entropy, every loss read at every step; like many, it sends the discriminator's
loss back through the generator too, and throws that away. Ours is `ganzoo.training.trainer.train`
as users run it, with its moving average, log, pictures and checkpoints, and its own choice of threads.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.harness import alternate, compare, show, timed, write_results
from ganzoo.catalog import load_catalog
from ganzoo.core.config import RunConfig
from ganzoo.core.run_folder import RunFolder
from ganzoo.core.specs import Data
from ganzoo.recipes import find_recipe, resolve
from ganzoo.training.build import Components, build
from ganzoo.training.device import settled
from ganzoo.training.trainer import train

CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Case:
    """One size of game."""

    name: str
    side: int  # pixels
    batch: int
    steps: int  # of each round


CASES = (
    Case("vanilla-mlp, 8x8, batch 64", 8, 64, 1500),
    Case("vanilla-mlp, 28x28, batch 64", 28, 64, 800),
    Case("vanilla-mlp, 28x28, batch 100", 28, 100, 600),
)


class Pictures(Dataset[Tensor]):
    """One picture at a time, as data sets of torchvision give them: Pillow, then ToTensor, then Normalize."""

    def __init__(self, pictures: np.ndarray) -> None:
        self.pictures = pictures  # uint8 [N, 1, H, W]

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, number: int) -> Tensor:
        return normalize(to_tensor(Image.fromarray(self.pictures[number, 0])))


def to_tensor(picture: Image.Image) -> Tensor:
    """Height, width, channels in 0…255 to channels, height, width in [0, 1]."""
    pixels = torch.from_numpy(np.array(picture, copy=True))
    pixels = pixels.view(picture.size[1], picture.size[0], len(picture.getbands()))
    return pixels.permute(2, 0, 1).contiguous().to(torch.get_default_dtype()).div(255)


def normalize(picture: Tensor) -> Tensor:
    """To [-1, 1], with mean and deviation as lists, as users give them."""
    mean = torch.as_tensor([0.5], dtype=picture.dtype, device=picture.device).view(-1, 1, 1)
    deviation = torch.as_tensor([0.5], dtype=picture.dtype, device=picture.device).view(-1, 1, 1)
    return picture.clone().sub_(mean).div_(deviation)


def tutorial(parts: Components, config: RunConfig, data: Data) -> None:
    """The plain baseline."""
    generator, discriminator = parts.players.generator, parts.players.discriminator
    rates = config.generator_optimizer
    assert isinstance(rates.learning_rate, float), "the tutorial knows no schedules"
    g_optimizer = torch.optim.Adam(generator.parameters(), rates.learning_rate, rates.betas)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), rates.learning_rate, rates.betas)
    cross_entropy = nn.BCELoss()
    ones, zeros = torch.ones(config.batch_size), torch.zeros(config.batch_size)

    def probability(samples: Tensor) -> Tensor:
        logits: Tensor = discriminator(samples).logits
        return logits.sigmoid()

    step = 0
    while step < (config.steps or 0):
        for real in DataLoader(Pictures(data.samples), config.batch_size, shuffle=True, drop_last=True):
            fake = generator(torch.randn(config.batch_size, parts.prior.size))
            d_loss = cross_entropy(probability(real), ones) + cross_entropy(probability(fake), zeros)
            d_optimizer.zero_grad()
            g_optimizer.zero_grad()
            d_loss.backward()
            d_optimizer.step()

            fake = generator(torch.randn(config.batch_size, parts.prior.size))
            g_loss = cross_entropy(probability(fake), ones)
            d_optimizer.zero_grad()
            g_optimizer.zero_grad()
            g_loss.backward()
            g_optimizer.step()
            d_loss.item()
            g_loss.item()
            step += 1
            if step == config.steps:
                break


def digits(side: int) -> Data:
    """60,000 pictures [1, side, side]: scikit-learn's digits over and over, enlarged or not. What is in them matters:
    on noise the discriminator wins at once, and its gradients become denormal numbers, which are slow."""
    small = np.rint(load_digits().images * (255 / 16)).astype(np.uint8)  # [1797, 8, 8]
    rows = np.arange(side) * 8 // side
    return Data(np.resize(small, (60_000, 8, 8))[:, None, rows[:, None], rows])


def contenders(case: Case, folder: Path) -> dict[str, Callable[[], float]]:
    """Both loops, each on networks of its own; seconds for `case.steps` steps."""
    catalog = load_catalog()
    changes = [(["steps"], case.steps), (["batch_size"], case.batch)]
    config = resolve(find_recipe("vanilla-mlp", catalog), catalog, changes)
    data = digits(case.side)

    def ours() -> None:
        run = RunFolder(folder / f"{case.side}-{case.batch}-{len(list(folder.iterdir()))}")
        run.path.mkdir()
        parts = build(config, data, catalog, CPU)
        with settled(parts.players, config.batch_size):
            train(parts, config, run, lambda event: None)

    def theirs() -> None:
        tutorial(build(config, data, catalog, CPU), config, data)

    return {"ours": timed(ours), "theirs": timed(theirs)}


def main() -> None:
    """Measure, print, and write `benchmarks/results/training.json`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each case (default: 7)")
    rounds = parser.parse_args().rounds
    rows = []
    for case in CASES:
        with TemporaryDirectory() as folder:
            seconds = alternate(contenders(case, Path(folder)), rounds)
        speeds = {name: [case.steps * case.batch / each for each in found] for name, found in seconds.items()}
        rows.append(compare(case.name, "pictures/s", speeds["ours"], speeds["theirs"], more_is_better=True))
        show(rows[-1:])
    write_results("training", f"python -m benchmarks.training --rounds {rounds}", rows)


if __name__ == "__main__":
    main()
