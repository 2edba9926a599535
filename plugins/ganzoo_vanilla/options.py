"""What a recipe can set of the perceptrons."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from ganzoo.api import Count, NotNegative, Positive

Probability = Annotated[float, Meta(ge=0, lt=1)]


@dataclass(frozen=True, slots=True)
class MlpGeneratorOptions:
    width: Count = 256  # units of each hidden layer
    depth: Count = 2  # hidden layers
    batch_norm: bool = False  # behind each hidden layer, as PacGAN's networks for points have it
    output: Literal["auto", "tanh", "sigmoid", "linear"] = "auto"  # auto = tanh for pictures, linear for points
    weight_range: NotNegative = 0.0  # weights from U(-r, r), biases 0; 0 = torch's own initialisation
    bias_from_data: bool = False  # output biases that put the first samples at the data's mean


@dataclass(frozen=True, slots=True)
class MlpDiscriminatorOptions:
    width: Count = 256  # units of each hidden layer
    depth: Count = 2  # hidden layers
    dropout: Probability = 0.0  # share of each hidden layer's units that is dropped


@dataclass(frozen=True, slots=True)
class MaxoutOptions:
    width: Count = 240  # maxout units of each hidden layer
    pieces: Count = 5  # linear maps of which a unit takes the largest
    depth: Count = 2  # hidden layers
    input_dropout: Probability = 0.2  # share of the sample's numbers that is dropped
    dropout: Probability = 0.5  # share of each hidden layer's units that is dropped
    weight_range: NotNegative = 0.005  # weights from U(-r, r), biases 0; 0 = torch's own initialisation


@dataclass(frozen=True, slots=True)
class MixtureOptions:
    components: Count = 8  # K, Gaussians
    covariance: Literal["full", "diag"] = "full"  # of each; diag = coordinates are independent within a component
    floor: Positive = 1e-6  # added to every variance, so that none is 0
    starts: Count = 1  # fits, each from other first means, of which the likeliest is kept
    updates: Count = 200  # of expectation and maximization in each fit, at most
