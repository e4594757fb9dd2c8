"""Networks that run on some blocks of an image: elsewhere, maps are those of earlier frames."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from arseg_lightning.models.blocks import on_whole_map
from arseg_lightning.models.segmentor import Output, Segmentor

__all__ = ["Execution", "Upsampling", "run_on_blocks"]

Execution = Literal["sparse", "dense"]
Upsampling = Literal["exact", "released"]
Margin = tuple[int, int]
"""Rows above and below, and columns left and right, of a block."""

ResultT = TypeVar("ResultT", Tensor, list[Tensor])

_SPECIAL: Mapping[Any, str] = {
    F.conv2d: "conv2d",
    F.max_pool2d: "max_pool2d",
    F.interpolate: "interpolate",
    on_whole_map: "on_whole_map",
}
"""Functions that look beyond a pixel, and the methods that do."""
_UNCUT: tuple[Any, ...] = (F.adaptive_avg_pool2d, F.adaptive_max_pool2d, F.avg_pool2d)
_UNCUT += (F.conv_transpose2d, F.linear, F.layer_norm, F.group_norm, F.instance_norm)
_UNCUT += (F.scaled_dot_product_attention, torch.mean, Tensor.mean, torch.matmul, Tensor.matmul)
_UNCUT += (Tensor.flatten,)
"""Functions that look at more than a fixed neighbourhood, or that nobody has cut yet."""


def run_on_blocks(
    network: Segmentor,
    image: Tensor,
    executed: Tensor,
    kept: Mapping[str, Tensor],
    execution: Execution = "sparse",
    upsampling: Upsampling = "exact",
) -> tuple[Output, dict[str, Tensor]]:
    """Run a network on some blocks of images.

    The inputs of all layers that look beyond a pixel are kept from frame to frame, and brought up
    to date where a block is executed: blocks see what their neighbours were when those were last
    executed. What reads a whole map (:func:`on_whole_map`) runs on all of it.

    Args:
        network: In eval mode.
        image: (B, 3, H, W); H and W are multiples of the grid's rows and columns.
        executed: The blocks that run, bool (B, 1, rows, columns); all, where nothing is kept.
        kept: What the last call returned.
        execution: ``sparse`` computes the executed blocks alone, side by side as a batch, and
            writes them into the kept maps. ``dense`` computes everything from maps in which
            executed and kept blocks are mixed: the same scores, to count and to compare.
        upsampling: ``exact`` looks beyond a block's border, as the network does on a whole image;
            ``released`` stays inside the block, as the published code does.

    Returns:
        The output, whose scores are the kept ones where nothing ran, and what is kept.

    Raises:
        ValueError: If the network has a layer that cannot be cut into blocks.

    Source: Verelst and Tuytelaars, BlockCopy, ICCV 2021, section 3.1; details of its code.
    """
    kind = {"sparse": _Sparse, "dense": _Dense}[execution]
    blocks = kind(network, executed, kept, upsampling == "exact")
    with blocks:
        output = network.output(blocks.cut(image), with_side=False)
    scores = blocks.mixed(output.scores).clone()
    return Output(scores, output.align_corners), blocks.left


class _Blocks(TorchFunctionMode, ABC):
    """Runs functions of PyTorch on blocks; all but a few run on each pixel by itself, as they are.

    Args:
        network: For messages.
        executed: The blocks that run, bool (B, 1, rows, columns).
        kept: Maps by name, of earlier frames.
        exact: Whether upsampling looks beyond a block.
    """

    def __init__(
        self, network: Segmentor, executed: Tensor, kept: Mapping[str, Tensor], exact: bool
    ) -> None:
        super().__init__()
        # One that is made for inference holds the network that users know.
        self.name = type(getattr(network, "network", network)).__name__
        self.executed, self.kept, self.exact = executed, kept, exact
        self.left: dict[str, Tensor] = {}

    @abstractmethod
    def cut(self, image: Tensor) -> Tensor:
        """What the network is given of an image."""

    @abstractmethod
    def mixed(self, x: Tensor) -> Tensor:
        """The whole map, (B, C, h, w), of what was computed and, elsewhere, was kept."""

    @abstractmethod
    def within_margin(self, x: Tensor, margin: Margin, fill: float | None) -> Tensor:
        """Maps with what lies around them; outside of the image ``fill``, or the nearest pixel."""

    @abstractmethod
    def in_blocks(self, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """Run a function that must not see beyond a block."""

    @abstractmethod
    def parts(self, whole: Tensor, like: Tensor) -> Tensor:
        """The network's part of a whole map; a map of another size than ``like`` is for all."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run a function; inside of it, this mode is off."""
        if func in _UNCUT:
            self._refuse(func)
        name = _SPECIAL.get(func)
        return (getattr(self, name) if name else func)(*args, **(kwargs or {}))

    def next_name(self) -> str:
        """Name of the next map that is kept; a network calls its layers in one order."""
        return f"map_{len(self.left):02d}"

    def conv2d(
        self,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        """Convolve; the arguments are those of PyTorch's function."""
        if tuple(weight.shape[-2:]) != (1, 1):
            x, padding = self.within_margin(x, self._margin(padding), 0.0), 0
        return F.conv2d(x, weight, bias, stride, padding, dilation, groups)

    def max_pool2d(
        self, x: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, **options: Any
    ) -> Tensor:
        """Take maxima."""
        x = self.within_margin(x, self._margin(padding), -torch.inf)
        pooled: Tensor = F.max_pool2d(x, kernel_size, stride, 0, **options)
        return pooled

    def interpolate(
        self, x: Tensor, size: Any = None, scale_factor: Any = None, **options: Any
    ) -> Tensor:
        """Enlarge maps by a whole factor."""
        mode = options.get("mode", "nearest")
        if mode not in ("nearest", "bilinear") or options.get("align_corners"):
            self._refuse(F.interpolate, f"with {options}")
        factor = float(scale_factor or size[-1] / x.shape[-1])
        if factor < 1 or factor % 1:
            self._refuse(F.interpolate, f"by a factor of {factor:g}")

        def enlarged(x: Tensor) -> Tensor:
            corners = None if mode == "nearest" else False
            return F.interpolate(x, scale_factor=factor, mode=mode, align_corners=corners)

        if mode == "nearest":
            return enlarged(x)
        if not self.exact:
            return self.in_blocks(enlarged, x)
        edge = int(factor)
        return enlarged(self.within_margin(x, (1, 1), None))[..., edge:-edge, edge:-edge]

    def on_whole_map(self, function: Callable[[Tensor], ResultT], x: Tensor) -> ResultT:
        """Bring the blocks together for a function that pools, and cut what it gives."""
        result = function(self.mixed(x))
        if isinstance(result, Tensor):
            return self.parts(result, x)
        return [self.parts(each, x) for each in result]

    def _margin(self, padding: Any) -> Margin:
        if isinstance(padding, str):
            self._refuse(F.conv2d, f"with padding={padding!r}")
        rows, columns = (padding, padding) if isinstance(padding, int) else padding
        return rows, columns

    def _refuse(self, function: Any, how: str = "on a map") -> None:
        raise ValueError(
            f"{self.name} cannot be cut into blocks: it calls {function.__name__} {how}; take a "
            f"network whose layers look at a fixed neighbourhood, such as SwiftNet, or call what "
            f"reads a whole map by models.blocks.on_whole_map"
        )


class _Dense(_Blocks):
    """Maps are whole, and mixed before each layer that looks beyond a pixel."""

    def cut(self, image: Tensor) -> Tensor:
        return image

    def mixed(self, x: Tensor) -> Tensor:
        name = self.next_name()
        if name in self.kept:
            rows, columns = (x.shape[2 + i] // self.executed.shape[2 + i] for i in (0, 1))
            each = self.executed.repeat_interleave(rows, 2).repeat_interleave(columns, 3)
            x = torch.where(each, x, self.kept[name])
        self.left[name] = x
        return x

    def within_margin(self, x: Tensor, margin: Margin, fill: float | None) -> Tensor:
        rows, columns = margin
        around = (columns, columns, rows, rows)
        if fill is None:
            return F.pad(self.mixed(x), around, mode="replicate")
        return F.pad(self.mixed(x), around, value=fill)

    def in_blocks(self, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        grid = self.executed.shape[-2:]
        return _joined(function(_split(x, grid).flatten(0, 2)), grid)

    def parts(self, whole: Tensor, like: Tensor) -> Tensor:
        return whole


class _Sparse(_Blocks):
    """Maps are batches of executed blocks, (N, C, rows, columns) with channels innermost.

    Kept maps have a margin that is never written: (B, h + margins, w + margins, C).
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.grid = self.executed.shape[-2:]
        self.where = self.executed[:, 0].nonzero(as_tuple=True)  # batch, row, column: (N,) each

    def cut(self, image: Tensor) -> Tensor:
        return _split(image, self.grid)[self.where]

    def mixed(self, x: Tensor) -> Tensor:
        return self._updated(x, (0, 0), 0.0).permute(0, 3, 1, 2)

    def within_margin(self, x: Tensor, margin: Margin, fill: float | None) -> Tensor:
        whole = self._updated(x, margin, fill or 0.0)
        (height, width), (rows, columns) = x.shape[-2:], margin
        b, y, x_, c = whole.stride()
        windows = whole.as_strided(  # of all blocks, which overlap
            (len(whole), *self.grid, height + 2 * rows, width + 2 * columns, whole.shape[-1]),
            (b, height * y, width * x_, y, x_, c),
        )[self.where].permute(0, 3, 1, 2)
        if fill is None:
            self._repeat_edges(windows)
        return windows

    def in_blocks(self, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        return function(x)

    def parts(self, whole: Tensor, like: Tensor) -> Tensor:
        size = [side * blocks for side, blocks in zip(like.shape[-2:], self.grid, strict=True)]
        if [*whole.shape[-2:]] == size:
            return _split(whole, self.grid)[self.where]
        return whole[self.where[0]]

    def _updated(self, x: Tensor, margin: Margin, fill: float) -> Tensor:
        """The kept map with the executed blocks in it, (B, h + margins, w + margins, C)."""
        name, (rows, columns) = self.next_name(), margin
        height, width = (x.shape[2 + i] * self.grid[i] for i in (0, 1))
        whole = self.kept.get(name)
        if whole is None:
            size = height + 2 * rows, width + 2 * columns
            whole = x.new_full((len(self.executed), *size, x.shape[1]), fill)
        inner = whole[:, rows : rows + height, columns : columns + width]
        _split(inner.permute(0, 3, 1, 2), self.grid)[self.where] = x
        self.left[name] = whole
        return whole

    def _repeat_edges(self, windows: Tensor) -> None:
        """Fill a margin of one pixel outside of the image with the pixel inside of it."""
        for axis, position, most in zip((2, 3), self.where[1:], self.grid, strict=True):
            for at_edge, outer, inner in ((0, 0, 1), (most - 1, -1, -2)):
                there = position == at_edge
                edge = windows.select(axis, outer)
                edge[there] = windows.select(axis, inner)[there]


def _split(whole: Tensor, grid: tuple[int, ...]) -> Tensor:
    """The blocks of maps: (B, C, h, w) -> (B, rows, columns, C, h / rows, w / columns), a view."""
    rows, columns = grid
    batch, channels, height, width = whole.shape
    blocks = whole.view(batch, channels, rows, height // rows, columns, width // columns)
    return blocks.permute(0, 2, 4, 1, 3, 5)


def _joined(blocks: Tensor, grid: tuple[int, ...]) -> Tensor:
    """The maps of blocks that all ran: (B * rows * columns, C, h, w) -> (B, C, H, W)."""
    apart = blocks.view(-1, *grid, *blocks.shape[1:])  # (B, rows, columns, C, h, w)
    return apart.permute(0, 3, 1, 4, 2, 5).flatten(4, 5).flatten(2, 3)
