"""An ASM-Net whose score is linear in the photo's pixels, so that attributions are known in closed form."""

import numpy as np
import torch
from torch import nn

import asm_interp as asm
from asm_interp.analysis.crop_input import CropInput
from asm_interp.model.backbones import Backbone


def linear_model(pattern: str = "grid:2x2") -> asm.ASMNet:
    """One 1×1 convolution as backbone and one as head, in float64, with inputs of 64 pixels."""
    torch.manual_seed(0)
    model = asm.ASMNet("tiny", pattern, input_size=64)
    model.backbone = Backbone(nn.Sequential(nn.Conv2d(3, 4, 1)), {0: 4})
    model.heads = nn.ModuleList([nn.Conv2d(4, model.pattern.n_partitions, 1, bias=False)])
    nn.init.normal_(model.bias)
    return model.double().eval()


def slopes(crop: CropInput) -> np.ndarray:
    """∂Φ/∂x of a linear model, [3, h, w], for a crop on whole pixels whose partitions are whole pixels too."""
    (conv,), (head,) = crop.model.backbone.features, crop.model.heads
    weights = head.weight[:, :, 0, 0].detach().numpy() @ conv.weight[:, :, 0, 0].detach().numpy()  # [L, 3]
    labels = crop.labels(crop.model.pattern.labels)
    inside = labels >= 0
    return np.where(inside, weights[labels].transpose(2, 0, 1), 0.0) / inside.sum()
