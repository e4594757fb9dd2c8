"""Laws of every video method: a method's test is a class with a small instance of it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from arseg_lightning.cost import method_cost
from arseg_lightning.datasets.classes import CAMVID11
from arseg_lightning.export import ExportSettings, export_method
from arseg_lightning.inference import Optimisations
from arseg_lightning.methods import FrameInput, NominalStream, Output, Stream, VideoMethod
from arseg_lightning.methods.plan import check_state
from arseg_lightning.types import ClipBatch
from tests.methods.footage import NUM_FRAMES, SIZE, Footage, needed, video
from tests.tiny import clip_batch

NUM_CLASSES = CAMVID11.num_classes
READY: dict[tuple[type, int], VideoMethod] = {}
"""Instances by class of laws and seed."""


class MethodLaws:
    """A subclass gives :meth:`method`; a law that does not fit is overridden with the reason."""

    training_size = SIZE
    """Of training clips, for networks with batch norms on coarse grids."""
    export_refused: str | None = None
    """What the refusal to export it says, if it is refused."""

    def method(self) -> VideoMethod:
        """A small instance of it with fresh weights, for 11 classes."""
        raise NotImplementedError

    def ready(self, seed: int = 0) -> VideoMethod:
        """One whose scores differ from pixel to pixel, in eval mode; shared by a class's laws."""
        if (type(self), seed) in READY:
            return READY[type(self), seed]
        torch.manual_seed(seed)
        method = self.method()
        for name, parameter in method.named_parameters():
            if parameter.dim() > 1 and not parameter.any():
                torch.nn.init.normal_(parameter, std=0.1)  # heads and attention may start at zero
            elif name.endswith("classifier.weight"):
                torch.nn.init.normal_(parameter)
        method.after_loading()
        READY[type(self), seed] = method.eval()
        return method

    @pytest.mark.parametrize("size", [SIZE, (25, 33), (37, 51)])
    def test_any_size_gives_labels_of_that_size(self, size):
        results = [*Stream(self.ready()).run(video(size=size))]
        assert len(results) == NUM_FRAMES
        for result in results:
            assert result.labels.shape == size
            assert result.output.scores.shape[:2] == (1, NUM_CLASSES)

    @torch.no_grad()
    def test_batch_elements_do_not_mix(self):
        method, frames = self.ready(), batch_of_frames(self.ready())
        outputs = nominal_outputs(method, frames)
        for index in range(2):
            alone = nominal_outputs(method, [one(frame, index) for frame in frames])
            for together, single in zip(outputs, alone, strict=True):
                assert_same(together.scores[index], single.scores[0])

    def test_reset_is_a_new_stream(self):
        stream = Stream(self.ready())
        first = [*stream.run(video())]
        stream.reset()
        again = [*stream.run(video())]
        for one_result, other in zip(first, again, strict=True):
            assert other.output.scores.equal(one_result.output.scores)
            assert (other.executed, other.distance) == (one_result.executed, one_result.distance)

    def test_every_trainable_parameter_gets_a_gradient(self):
        torch.manual_seed(0)
        method = self.method().train()
        losses = method.losses(random_clip(method, self.training_size))
        total = torch.stack([*losses.values()]).sum()
        assert total.isfinite()
        total.backward()
        trained = {name: p for name, p in method.named_parameters() if p.requires_grad}
        assert trained
        assert [name for name, p in trained.items() if p.grad is None] == []

    @torch.no_grad()
    def test_training_sees_what_a_stream_gives(self):
        method = self.ready()
        footage = Footage.make(method.needs.frames)
        streamed = [*Stream(method).run(footage.frames())][-1 - method.needs.frames_after]
        assert_same(self.trained(method, footage.clip(method)).scores, streamed.output.scores)

    def trained(self, method: VideoMethod, clip: ClipBatch) -> Output:
        """The output for a clip's labelled frame that training looks at: of the last step."""
        outputs, step = [], method.step

        def recorded(*arguments, **inputs):
            output, state = step(*arguments, **inputs)
            outputs.append(output)
            return output, state

        method.step = recorded  # type: ignore[method-assign]
        method.losses(clip)
        del method.step
        return outputs[-1]

    def test_each_role_is_reached_and_counted(self):
        method = self.ready()
        cost = method_cost(method, SIZE)
        assert set(cost.role_gmacs) == set(method.roles)
        assert cost.mean_gmacs > 0
        assert method.key_roles <= set(method.roles)

    @pytest.mark.parametrize("format", ["torch", pytest.param("onnx", marks=pytest.mark.slow)])
    def test_each_role_exports_or_is_refused_by_name(self, format, tmp_path):
        method = self.ready()
        settings = ExportSettings(size=SIZE, classes=CAMVID11, format=format)
        if self.export_refused is not None:
            with pytest.raises(ValueError, match=self.export_refused):
                export_method(method, tmp_path / "out", settings)
            assert not (tmp_path / "out").exists()
            return
        # It is written only if every graph gives the labels that the method gives.
        contract = export_method(method, tmp_path / "out", settings)
        assert set(contract.graphs) == set(method.roles)

    @torch.no_grad()
    def test_for_inference_gives_the_same(self):
        method = self.ready()
        fast = method.for_inference(Optimisations())
        frames = batch_of_frames(method, size=(32, 48))
        for plain, other in zip(
            nominal_outputs(method, frames), nominal_outputs(fast, frames), strict=True
        ):
            assert_same(other.logits((32, 48)), plain.logits((32, 48)), tolerance=1e-3)
        assert not any(parameter.requires_grad for parameter in fast.parameters())

    def test_half_precision_reaches_every_part(self):
        stream = Stream(self.ready().for_inference(Optimisations(precision="bfloat16")))
        for result in stream.run(video()):
            assert result.output.scores.isfinite().all()

    @torch.no_grad()
    def test_the_state_is_tensors_by_name_with_the_batch_first(self):
        method, states = self.ready(), []
        nominal_outputs(method, batch_of_frames(method), states)
        for state in states:
            check_state(state, method.name)
            assert all(value.shape[0] == 2 for value in state.values())

    def test_frames_that_are_called_independent_are(self):
        method = self.ready()
        if not method.needs.independent:
            pytest.skip("its frames depend on each other, and it says so")
        with torch.no_grad():
            frames = batch_of_frames(method)[:3]
            forth = nominal_outputs(method, frames)
            back = nominal_outputs(method, [frames[0], frames[2], frames[1]])
        assert back[1].scores.equal(forth[2].scores)
        assert back[2].scores.equal(forth[1].scores)

    def test_weights_survive_a_file(self, tmp_path):
        saved, other = self.ready(), self.ready(seed=1)
        torch.save(saved.state_dict(), tmp_path / "plain.pth")
        other.load_state_dict(torch.load(tmp_path / "plain.pth", weights_only=True))
        frames = video()[:1]
        scores = [next(Stream(each).run(frames)).output.scores for each in (saved, other)]
        assert scores[0].equal(scores[1])

    @torch.no_grad()
    def test_forward_is_the_first_frame_of_a_stream(self):
        method, footage = self.ready(), Footage.make(1)
        result = next(Stream(method).run(footage.frames()))
        assert_same(method(footage.clip(method).images[:, 0]), result.output.logits(SIZE))

    def test_baselines_share_its_weights(self):
        method = self.ready()
        own = {id(parameter) for parameter in method.parameters()}
        for baseline in method.baselines().values():
            assert {id(parameter) for parameter in baseline.parameters()} <= own
            assert Stream(baseline.eval()).push(video()[0]).labels.shape == SIZE


class PerFrameLaws:
    """Before :class:`MethodLaws`: training runs the network itself, on each frame alone."""

    def trained(self, method: VideoMethod, clip: ClipBatch) -> Output:
        """What the network gave for the last frame that it was shown."""
        outputs, output = [], method.network.output

        def recorded(*arguments):
            outputs.append(output(*arguments))
            return outputs[-1]

        method.network.output = recorded
        method.losses(clip)
        del method.network.output
        return outputs[-1]


class ExportedLikeAnother:
    """Before :class:`MethodLaws`: another method of its kind is exported in the quick tests."""

    @pytest.mark.slow
    @pytest.mark.parametrize("format", ["torch", "onnx"])
    def test_each_role_exports_or_is_refused_by_name(self, format, tmp_path):
        super().test_each_role_exports_or_is_refused_by_name(format, tmp_path)


def batch_of_frames(method: VideoMethod, size: tuple[int, int] = SIZE) -> list[FrameInput]:
    """The frames of two streams, side by side."""
    clips = [Footage.make(NUM_FRAMES, size, seed).clip(method) for seed in range(2)]
    ahead = method.needs.lookahead  # the motion of any later frame will do
    pairs = [(t, min(t + 1, NUM_FRAMES - 1) if ahead else None) for t in range(NUM_FRAMES)]
    return [stacked([FrameInput.of(clip, *pair) for clip in clips]) for pair in pairs]


def stacked(frames: list[FrameInput]) -> FrameInput:
    """One batch of several frames."""
    parts = zip(*map(tensors, frames), strict=True)
    return FrameInput(*(None if part[0] is None else torch.cat(part) for part in parts))


def tensors(frame: FrameInput) -> tuple:
    return frame.image, frame.motion, frame.valid, frame.later_motion, frame.later_valid


def one(frame: FrameInput, index: int) -> FrameInput:
    """One element of a batch."""
    parts = (None if x is None else x[index : index + 1] for x in tensors(frame))
    return FrameInput(*parts)


def random_clip(method: VideoMethod, size: tuple[int, int]) -> ClipBatch:
    """Two labelled clips as the method needs them."""
    frames = method.needs.frames
    return needed(method, clip_batch(frames=frames, size=size, num_classes=NUM_CLASSES))


def nominal_outputs(
    method: VideoMethod, frames: list[FrameInput], states: list[object] | None = None
) -> list[Output]:
    """Run frames, which may be batches, as a stream that chooses roles without looking."""

    def step(plan, frame, state):
        output, state = method.step(plan.role, frame, state, **plan.inputs)
        if states is not None:
            states.append(state)
        return output, state

    return [output for _, output in NominalStream(method, step).run(frames)]


def assert_same(ours: Tensor, expected: Tensor, tolerance: float = 1e-4) -> None:
    """Equal up to rounding, in units of the expected values' spread."""
    scale = float(expected.std())
    assert scale > 0
    torch.testing.assert_close(ours, expected, atol=tolerance * scale, rtol=tolerance)
