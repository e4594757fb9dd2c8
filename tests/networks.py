"""The networks that everything around a network is tested with."""

from arseg_lightning.models import (
    BiSeNet18,
    EfficientNetLite0,
    FANet18,
    PSPNet18,
    PSPNet18Stride8,
    SwiftNet,
)

NETWORKS = (PSPNet18, PSPNet18Stride8, BiSeNet18, FANet18, SwiftNet, EfficientNetLite0)
