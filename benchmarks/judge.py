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
        self.of_real = self.opinion(data.samples[held.numpy()].transpose(0, 2, 3, 1))

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
        probabilities = self.probabilities(to_unit_range(torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy())))
        shares = probabilities.argmax(1).bincount(minlength=self.classes) / len(pictures)
        occurring = shares[shares > 0]
        return Opinion(
            classes=len(occurring),
            entropy=float(-(occurring * occurring.log()).sum()),
            beyond_doubt=float((probabilities.max(1).values > BEYOND_DOUBT).float().mean()),
        )


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
