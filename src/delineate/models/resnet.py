"""Residual encoders (He et al. 2015, arXiv:1512.03385): our own for ``resunet``, and ResNet-34 under torchvision's names."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from delineate.models.blocks import BatchNorm, NormKind, convolution


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions, the first with ``stride``; the input, brought to the same shape by a 1×1 convolution where it differs,
    is added before the last ReLU. A stride of 2 halves rounding up, as the pooling of the plain encoder does.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, norm: NormKind, frozen: bool) -> None:
        super().__init__()
        self.first = convolution(inputs, outputs, norm, frozen, stride=stride)
        self.second = convolution(outputs, outputs, norm, frozen)
        self.activation = nn.ReLU(inplace=True)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = convolution(inputs, outputs, norm, frozen, size=1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.activation(self.second(self.activation(self.first(x))) + self.shortcut(x))
        return y


class ResidualEncoder(nn.Module):
    """``blocks[i]`` residual blocks of ``widths[i]`` channels per level, after a plain convolution at full size. Keeps the contract
    of :class:`~delineate.models.encoder.Encoder`.
    """

    def __init__(
        self,
        in_channels: int,
        widths: Sequence[int],
        blocks: Sequence[int],
        *,
        norm: NormKind = "batch",
        frozen: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.channels = tuple(widths)
        self.stem = nn.Sequential(*convolution(in_channels, widths[0], norm, frozen), nn.ReLU(inplace=True))
        inputs = (widths[0], *widths[:-1])
        self.levels = nn.ModuleList(
            nn.Sequential(
                *(ResidualBlock(o if k else i, o, 2 if level and not k else 1, norm, frozen) for k in range(number)),
            )
            for level, (i, o, number) in enumerate(zip(inputs, widths, blocks, strict=True))
        )
        self.dropout = nn.Dropout2d(dropout) if dropout > 0 else nn.Identity()

    def forward(self, x: Tensor) -> list[Tensor]:
        features: list[Tensor] = []
        x = self.stem(x)
        for level in self.levels:
            x = level(x)
            features.append(x)
        features[-1] = self.dropout(features[-1])
        return features


class BasicBlock(nn.Module):
    """ResNet's block of two 3×3 convolutions, with torchvision's names."""

    def __init__(self, inputs: int, outputs: int, stride: int, frozen: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = BatchNorm(outputs, frozen)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = BatchNorm(outputs, frozen)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), BatchNorm(outputs, frozen))

    def forward(self, x: Tensor) -> Tensor:
        same = x if self.downsample is None else self.downsample(x)
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out: Tensor = self.relu(y + same)
        return out


class ResNetEncoder(nn.Module):
    """ResNet-18/34 without its classifier; parameters and buffers are named and shaped as torchvision's, so that its weights fit.

    Gives the image itself (its stem halves at once), then five maps of ``base`` × (1, 1, 2, 4, 8) channels, each half as large.
    """

    def __init__(self, in_channels: int, base: int = 64, blocks: Sequence[int] = (3, 4, 6, 3), *, frozen: bool = False) -> None:
        super().__init__()
        self.channels = (in_channels, base, base, 2 * base, 4 * base, 8 * base)
        self.conv1 = nn.Conv2d(in_channels, base, 7, 2, 3, bias=False)
        self.bn1 = BatchNorm(base, frozen)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = self._stage(base, base, blocks[0], 1, frozen)
        self.layer2 = self._stage(base, 2 * base, blocks[1], 2, frozen)
        self.layer3 = self._stage(2 * base, 4 * base, blocks[2], 2, frozen)
        self.layer4 = self._stage(4 * base, 8 * base, blocks[3], 2, frozen)

    @staticmethod
    def _stage(inputs: int, outputs: int, number: int, stride: int, frozen: bool) -> nn.Sequential:
        return nn.Sequential(*(BasicBlock(outputs if k else inputs, outputs, 1 if k else stride, frozen) for k in range(number)))

    def forward(self, x: Tensor) -> list[Tensor]:
        features = [x]
        x = self.relu(self.bn1(self.conv1(x)))
        features.append(x)
        x = self.maxpool(x)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            features.append(x)
        return features
