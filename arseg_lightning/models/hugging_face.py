"""Semantic segmentation networks of Hugging Face's transformers, as segmentors."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from arseg_lightning.datasets.classes import distinct_colour
from arseg_lightning.datasets.normalisation import Normalisation
from arseg_lightning.models.segmentor import Segmentor, SideOutputs
from arseg_lightning.types import ClassSet

__all__ = ["HuggingFaceSegmentor", "hugging_face_classes", "hugging_face_normalisation"]
__all__ += ["hugging_face_kind", "load_network"]

Kind = Literal["AutoModelForSemanticSegmentation", "AutoModelForUniversalSegmentation"]

_KINDS = {"AutoModelForUniversalSegmentation": "universal"}


class HuggingFaceSegmentor(Segmentor):
    """A network such as SegFormer, cut before the last 1x1 convolution.

    Args:
        num_classes: Number of classes K. Where the pretrained network has another number, its last
            convolution starts from random weights, for training.
        name: Repository id on the hub, or a folder that ``save_pretrained`` wrote.

    Attributes:
        random: Names of its weights that the file lacks, and that start anew, such as all of the
            decoder where an encoder alone was published.

    Raises:
        ValueError: If the package transformers is missing, there is no such network, it is no
            semantic segmentation network, or it does not end in a 1x1 convolution.
    """

    align_corners = False

    def __init__(self, num_classes: int, name: str) -> None:
        super().__init__()
        model, self.random = load_network("AutoModelForSemanticSegmentation", name)
        path, classifier = _last_convolution(model, name)
        self.is_trained = not self.random and classifier.out_channels == num_classes
        self.tap = _LastInput(classifier)
        self.feature_channels = classifier.in_channels
        if classifier.out_channels != num_classes:
            classifier = nn.Conv2d(classifier.in_channels, num_classes, 1)
        self.classifier = classifier
        model.set_submodule(path, self.tap)
        if getattr(model, "auxiliary_head", None) is not None:
            model.auxiliary_head = None  # it would learn from labels at the model's own call
        self.model = model
        blank = torch.zeros(1, 3, 128, 128, device="meta")
        with torch.no_grad():
            feature = copy.deepcopy(self).to("meta").eval().features(blank)
        self.feature_stride = 128 // feature.shape[-1]

    def features_and_side(self, image: Tensor, with_side: bool) -> tuple[Tensor, SideOutputs]:
        """Compute the feature; nothing is predicted beside it."""
        self.model(pixel_values=image)
        return self.tap.kept.pop(), SideOutputs()  # (B, C, h, w)


class _LastInput(nn.Module):
    """Replaces the last convolution, and keeps its input.

    Some networks resize the output to the image's size: one channel is enough for that. Others
    read the convolution's geometry.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.kernel_size, self.stride = convolution.kernel_size, convolution.stride
        self.padding, self.dilation = convolution.padding, convolution.dilation
        self.kept: list[Tensor] = []

    def forward(self, feature: Tensor) -> Tensor:
        self.kept[:] = [feature]
        return feature[:, :1]  # (B, C, h, w) -> (B, 1, h, w)


def hugging_face_classes(name: str) -> ClassSet:
    """Read a network's class names; a palette of well separated colours is made for them."""
    labels: dict[int, str] = _load("AutoConfig", name).id2label
    names = tuple(labels[index] for index in sorted(labels))
    return ClassSet(Path(name).name, names, tuple(map(distinct_colour, range(len(names)))))


def hugging_face_kind(name: str) -> str:
    """Read a network's ``model_type``."""
    kind: str = _load("AutoConfig", name).model_type
    return kind


def hugging_face_normalisation(name: str) -> Normalisation:
    """Read the mean and deviation that a network was trained with; by default ImageNet's."""
    file: str | None = str(Path(name) / "preprocessor_config.json")
    if not Path(name).is_dir():
        file = _transformers().utils.hub.cached_file(
            name, "preprocessor_config.json", _raise_exceptions_for_missing_entries=False
        )
    if file is None or not Path(file).is_file():
        return Normalisation()
    facts = json.loads(Path(file).read_text(encoding="utf-8"))
    if not facts.get("do_normalize", True):
        return Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    standard = Normalisation()
    mean, std = facts.get("image_mean", standard.mean), facts.get("image_std", standard.std)
    return Normalisation(tuple(mean), tuple(std))


def _transformers() -> Any:
    try:
        import transformers
    except ModuleNotFoundError as error:
        raise ValueError(
            "networks of Hugging Face need the package transformers: "
            "pip install 'arseg_lightning[hf]'"
        ) from error
    return transformers


def load_network(kind: Kind, name: str, pretrained: bool = True) -> tuple[Any, tuple[str, ...]]:
    """Load a network, or build it by its configuration alone.

    Args:
        kind: The class of transformers that finds it.
        name: Repository id or folder.
        pretrained: Whether its weights are loaded.

    Returns:
        The network, and the names of the weights that its file lacks.

    Raises:
        ValueError: If it is not there, or of another kind.
    """
    on_meta = torch.empty(0).is_meta  # to count, shapes suffice; transformers would load none
    if on_meta or not pretrained:
        config = _load("AutoConfig", name)
        return getattr(_transformers(), kind).from_config(config), () if on_meta else ("all",)
    model, found = _load(kind, name, output_loading_info=True)
    lacks = (key for key in found["missing_keys"] if not key.endswith("num_batches_tracked"))
    # It comes in eval mode, and Lightning trains each module in the mode that it finds.
    return model.train(), tuple(sorted(lacks))


def _load(kind: str, name: str, **options: Any) -> Any:
    """Load a network or its configuration; ValueError if it is not there, or of another kind."""
    transformers = _transformers()
    try:
        return getattr(transformers, kind).from_pretrained(name, **options)
    except OSError as error:
        what = (
            f"{name} is neither a folder nor a repository that can be reached",
            f"check the name and the connection, or download it once: hf download {name}",
        )
        if Path(name).is_dir():
            what = (f"{name} lacks a file", "give a folder that save_pretrained wrote, as it is")
        raise ValueError(f"{what[0]} ({str(error).splitlines()[0]}); {what[1]}") from error
    except ValueError as error:
        kinds, family = transformers.models.auto.modeling_auto, _KINDS.get(kind, "semantic")
        mapping = getattr(kinds, f"MODEL_FOR_{family.upper()}_SEGMENTATION_MAPPING_NAMES")
        known = ", ".join(sorted(mapping))
        raise ValueError(
            f"{name} is no {family} segmentation network of transformers "
            f"({str(error).splitlines()[0][:200]}); such networks are {known}"
        ) from error


def _last_convolution(model: Any, name: str) -> tuple[str, nn.Conv2d]:
    """Find the 1x1 convolution that scores classes, and where it is."""
    found = [
        (path, module)
        for path, module in model.named_modules()
        if isinstance(module, nn.Conv2d)
        and module.kernel_size == (1, 1)
        and module.out_channels == model.config.num_labels
        and not path.startswith("auxiliary")
    ]
    if not found:
        raise ValueError(
            f"{name} ({type(model).__name__}) does not end in a 1x1 convolution, before which it "
            f"could be cut; use one that does, such as SegFormer"
        )
    return found[-1]
