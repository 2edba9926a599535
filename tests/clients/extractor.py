"""torch-fidelity's command line, with four means of a picture in the place of Inception's features."""

import torch
import vision  # noqa: F401 - torch-fidelity needs it, and comes next
from torch import Tensor, nn
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.fidelity import main
from torch_fidelity.registry import register_feature_extractor


class Quarters(FeatureExtractorBase):
    """The mean of each quarter of a picture, red counted once, green twice and blue four times."""

    def __init__(self, name: str, features_list: list[str], **options: object) -> None:
        super().__init__(name, features_list)

    @staticmethod
    def get_provided_features_list() -> tuple[str, ...]:
        return ("means",)

    @staticmethod
    def get_default_feature_layer_for_metric(metric: str) -> str:
        return "means"

    @staticmethod
    def can_be_compiled() -> bool:
        return False

    def forward(self, pictures: Tensor) -> tuple[Tensor]:
        assert (pictures.dtype, pictures.ndim, pictures.shape[1]) == (torch.uint8, 4, 3)
        red, green, blue = pictures.double().unbind(1)
        return (nn.functional.adaptive_avg_pool2d(red + 2 * green + 4 * blue, 2).flatten(1),)


register_feature_extractor("quarters", Quarters)
main()
