"""Methods around a pretrained network of Hugging Face, without a run or training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.hub import HUB_PREFIX
from arseg_lightning.methods import TRAINING_FREE, NetworkMethodFactory, VideoMethod
from arseg_lightning.methods.per_frame import shared
from arseg_lightning.models import (
    EoMT,
    HuggingFaceSegmentor,
    Mask2Former,
    Segmentor,
    hugging_face_classes,
    hugging_face_kind,
    hugging_face_normalisation,
)
from arseg_lightning.types import ClassSet

__all__ = ["PretrainedNetwork", "load_pretrained"]

_KINDS: Mapping[str, Callable[[int, str], HuggingFaceSegmentor | Mask2Former | EoMT]] = {
    "mask2former": Mask2Former,
    **dict.fromkeys(("eomt", "eomt_dinov3", "videomt"), EoMT),
}
"""Classes of networks that do not end in a 1x1 convolution."""


@dataclass(frozen=True, slots=True)
class PretrainedNetwork:
    """A pretrained network in eval mode, with its classes and input."""

    network: Segmentor
    classes: ClassSet
    normalise: Normalisation

    def method(self, build: NetworkMethodFactory | None = None) -> VideoMethod:
        """Put a method around it; one for every frame by itself, if none is given.

        Raises:
            ValueError: If the method has parts of its own that would have to be trained.
        """
        method = (build or TRAINING_FREE[0])(self.classes.num_classes, shared(self.network)).eval()
        parts = self.network, *self.network.method_parts
        known = {id(parameter) for part in parts for parameter in part.parameters()}
        own = [name for name, p in method.named_parameters() if id(p) not in known]
        if own:
            raise ValueError(
                f"{method.name} has weights beside its network's ({own[0]}, …), which have to be "
                f"trained: fit an experiment with --model.method.network HuggingFaceSegmentor; "
                f"`compare` without --method shows what needs no training"
            )
        return method

    def methods(
        self, builds: Iterable[NetworkMethodFactory] = TRAINING_FREE
    ) -> dict[str, VideoMethod]:
        """Put methods around it, by name; one for every frame by itself comes first."""
        built = map(self.method, (None, *builds))
        return {each.name: each for each in built}


def load_pretrained(name: str) -> PretrainedNetwork:
    """Load a trained network.

    Args:
        name: ``hf:`` and the id of a repository of the Hugging Face hub, or a folder that
            ``save_pretrained`` wrote.

    Raises:
        ValueError: If it is named otherwise, not there, no semantic segmentation network, or not
            trained as one.
    """
    if not name.startswith(HUB_PREFIX):
        raise ValueError(
            f"a pretrained network is hf:REPOSITORY or hf:FOLDER of Hugging Face, got {name!r}; "
            f"networks that you trained here are in the folder of their run: give that instead"
        )
    source = name.removeprefix(HUB_PREFIX)
    classes = hugging_face_classes(source)
    build = _KINDS.get(hugging_face_kind(source), HuggingFaceSegmentor)
    network = build(classes.num_classes, source).eval()
    if network.random:
        raise ValueError(
            f"{source} is trained for something else: it has no weights for "
            f"{len(network.random)} parts of a segmentation network, such as {network.random[0]}; "
            f"train it as {type(network).__name__} of an experiment, or take one that is trained"
        )
    return PretrainedNetwork(network, classes, hugging_face_normalisation(source))
