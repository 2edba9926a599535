"""A classifier trained on real pictures, which says what it sees in generated ones."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ganzoo.core.specs import Data
from ganzoo.training.draws import to_unit_range

HELD_OUT = 5  # one in so many pictures is kept for the judge's own examination
BEYOND_DOUBT = 0.9  # probability of the likeliest class
UPDATES = 1500
BATCH = 100


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the judge says of a set of pictures."""

    classes: int  # how many of the data set's classes occur
    entropy: float  # of the shares of the classes, in nats; log(number of classes) is even
    beyond_doubt: float  # share of pictures whose likeliest class has a probability above 0.9


class Judge:
    """A small convolutional network, trained for a few seconds, and its accuracy on pictures that it did not see."""

    def __init__(self, data: Data, seed: int = 0) -> None:
        assert data.labels is not None, "a judge learns from labels"
        torch.manual_seed(seed)
        pictures, labels = to_unit_range(torch.from_numpy(data.samples)), torch.from_numpy(data.labels)
        held = torch.arange(len(labels)) % HELD_OUT == 0
        self.classes = len(data.classes)
        self.network = small_network(data.spec.shape, self.classes)
        self.train(pictures[~held], labels[~held])
        self.accuracy = float((self.probabilities(pictures[held]).argmax(1) == labels[held]).float().mean())
        self.unseen = data.samples[held.numpy()].transpose(0, 2, 3, 1)  # uint8 [N, H, W, C]
        self.seen = data.samples[~held.numpy()].transpose(0, 2, 3, 1)
        self.of_real = self.opinion(self.unseen)

    def train(self, pictures: Tensor, labels: Tensor) -> None:
        optimizer = torch.optim.Adam(self.network.parameters(), 1e-3, weight_decay=1e-4)
        for _ in range(UPDATES):
            rows = torch.randint(len(labels), (BATCH,))
            optimizer.zero_grad()
            cross_entropy(self.network(pictures[rows]), labels[rows]).backward()
            optimizer.step()
        self.network.eval()

    @torch.no_grad()
    def probabilities(self, pictures: Tensor) -> Tensor:
        return torch.cat([self.network(part).softmax(1) for part in pictures.split(500)])

    def opinion(self, pictures: np.ndarray) -> Opinion:
        """Of pictures uint8 [N, H, W, C]."""
        probabilities = self.probabilities(from_bytes(pictures))
        shares = probabilities.argmax(1).bincount(minlength=self.classes) / len(pictures)
        occurring = shares[shares > 0]
        return Opinion(
            classes=len(occurring),
            entropy=float(-(occurring * occurring.log()).sum()),
            beyond_doubt=float((probabilities.max(1).values > BEYOND_DOUBT).float().mean()),
        )

    def classified(self, pictures: np.ndarray) -> np.ndarray:
        """The likeliest class of each of the pictures uint8 [N, H, W, C]: int64 [N]."""
        return self.probabilities(from_bytes(pictures)).argmax(1).numpy()

    @torch.no_grad()
    def features(self, pictures: np.ndarray) -> np.ndarray:
        """Of pictures uint8 [N, H, W, C]: the 128 numbers before the classes', float64 [N, 128]."""
        return torch.cat([self.network[:-1](part) for part in from_bytes(pictures).split(500)]).double().numpy()

    def distance(self, pictures: np.ndarray) -> float:
        """Fréchet's between the features of pictures uint8 [N, H, W, C] and of real ones that the judge did not see.

        It depends on this judge and on N, so it is no FID, and two of them compare only for the same of both.
        """
        return frechet(self.features(pictures), self.features(self.unseen))


def from_bytes(pictures: np.ndarray) -> Tensor:
    """uint8 [N, H, W, C] to [N, C, H, W] in [-1, 1]."""
    return to_unit_range(torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy()))


def frechet(one: np.ndarray, other: np.ndarray) -> float:
    """‖μ - ν‖² + tr(A + B - 2 √(A B)), of normal distributions with the means and covariances of the rows.

    Dowson and Landau (1982); the trace of the root is the sum of the roots of the eigenvalues of A B, none negative.
    """
    a, b = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    roots = np.sqrt(np.linalg.eigvals(a @ b).real.clip(0))
    return float(((one.mean(0) - other.mean(0)) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * roots.sum())


def small_network(shape: tuple[int, ...], classes: int) -> nn.Sequential:
    channels, height, width = shape
    return nn.Sequential(
        nn.Conv2d(channels, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(64 * (height // 4) * (width // 4), 128),
        nn.ReLU(),
        nn.Linear(128, classes),
    )
