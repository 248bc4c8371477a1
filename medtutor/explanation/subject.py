"""What is explained: a model, and what is known of the images it takes and the classes it names."""

from collections.abc import Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

import torch
from torch import nn
from torch.utils._python_dispatch import _disable_current_modes

from ..checks import whole
from ..data.dataset import normalise
from ..data.images import as_image, as_images
from ..errors import InputError, unknown
from ..models.inference import probabilities, to_model
from ..training.run import Run
from .anatomy import RESHAPING, feature_maps, is_quantised, title_of, trace, twin, unwrapped
from .draws import OwnDraws
from .maps import checked_sides
from .region import as_region


class Target(NamedTuple):
    """A class by number and name."""

    index: int  # type: ignore[assignment]  # a tuple has a method of that name, which no one asks for
    name: str


def model_of(run_or_model):
    """The model of a `Run`; a model is its own. Compiled and data-parallel ones come without their wrapping."""
    model = run_or_model if isinstance(run_or_model, nn.Module) else getattr(run_or_model, "model", run_or_model)
    return unwrapped(model)


class Answer:
    """The forward hook that reads what a network returns as scores (B, classes).

    A network of one output, (B,) or (B, 1), is a binary one: its output is the score of
    class 1, and what speaks against that is the score of class 0.

    binary    whether one output is read so; else it stays one
    paired    whether it was
    probable  whether the scores are probabilities already: the network ends in a softmax or a sigmoid
    region    of a network that answers for each pixel, bool (*spatial): the scores are the means over it. None:
              the answer stays as it is
    """

    def __init__(self, binary):
        self.binary, self.paired, self.probable, self.region = binary, False, False, None

    def __call__(self, net, inputs, output):
        if not isinstance(output, torch.Tensor):
            return output
        with _disable_current_modes():  # a `trace` is about the network alone
            if self.region is not None:
                return output[..., self.region].mean(dim=-1)
            count = len(inputs[0])
            if output.dim() < 2 and output.numel() and output.numel() % count == 0:
                output = output.reshape(count, -1)
            if self.binary and output.dim() == 2 and output.shape[1] == 1:
                self.paired = True
                output = torch.cat([1 - output if self.probable else -output, output], dim=1)
            return output


@dataclass(frozen=True, eq=False)
class Subject:
    """A network ready to be explained, and how to read what it says.

    net       the model's `twin`: in eval mode, its weights shared, its answers read by `answer`
    title     the model's name, for messages
    channels  that it takes; of a bare model those of its first convolution, which its forward
              pass may overrule; None where unknown
    shape     of the images it takes, (H, W) or (D, H, W), or None where unknown
    dims      2 for images, 3 for volumes, None where unknown
    classes   their names, or None where unknown
    task      as on a `Card`: decides between softmax and sigmoid
    answer    its `Answer`
    bare      whether it is a model of which no `Card` says what it takes: it is looked at more closely
    dense     whether it answers for each pixel: a segmentation, of which `asked` asks about a region
    scale     of a regression, as of a `Run`: from what the network says to the units of the target
    """

    net: nn.Module
    title: str
    channels: int | None
    shape: tuple | None
    dims: int | None
    classes: tuple | None
    task: str = "multi-class"
    answer: Answer = field(default_factory=lambda: Answer(False))
    bare: bool = False
    scale: tuple = (0.0, 1.0)
    dense: bool = False

    @classmethod
    def of(cls, run_or_model):
        """From a `Run`, or a bare `nn.Module`. Raises `InputError` for anything else."""
        if isinstance(run_or_model, cls):
            return run_or_model
        model, card = model_of(run_or_model), getattr(run_or_model, "card", None)
        bare = isinstance(run_or_model, nn.Module)
        if not isinstance(model, nn.Module) or not (bare or card):
            raise InputError(f"explain takes a Run or a torch model, not {type(run_or_model).__name__}")
        title = title_of(model)
        if bare:
            net, answer = _answering(model, binary=True)
            convolution = next((m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Conv3d))), None)
            channels = getattr(convolution, "in_channels", None)
            dims = None if convolution is None else 2 if isinstance(convolution, nn.Conv2d) else 3
            return cls(net, title, channels, None, dims, None, answer=answer, bare=True)
        if card.frames:
            raise InputError(f"{card.name} holds sequences; explain works on single images and volumes")
        dense = card.task == "segmentation"
        net, answer = _answering(model, binary=len(card.classes) == 2 and not dense)
        known = (card.channels, tuple(card.shape), card.dims, tuple(card.classes), card.task)
        return cls(net, title, *known, answer, scale=tuple(run_or_model.scale), dense=dense)

    @property
    def device(self):
        tensor = next(chain(self.net.parameters(), self.net.buffers()), None)
        return torch.device("cpu") if tensor is None else tensor.device

    @property
    def dtype(self):
        """Of the floats that the network takes."""
        tensors = chain(self.net.parameters(), self.net.buffers())
        return next((tensor.dtype for tensor in tensors if tensor.is_floating_point()), torch.float32)

    def batch(self, images, many):
        """Checked uint8 images as floats -1…1, (B, C, *spatial), on the model's device.

        images  with `many`: (B, C, H, W), (B, C, D, H, W), or a list of images;
                else one image (H, W) or (C, H, W), or a volume (D, H, W) or (C, D, H, W)

        Raises `InputError` for another type or shape than the model takes, and for a bare
        model that cannot be explained.
        """
        if many and isinstance(images, (list, tuple)) and not len(images):
            raise InputError("there is no image to explain: the list is empty")
        shape, title = self._takes()
        images = as_images(images, shape, title) if many else as_image(images, shape, title).unsqueeze(0)
        x = to_model(normalise(images), self.device).to(self.dtype)
        if self.bare:
            self._look(x[:1])
        return x

    def _takes(self):
        """The shape of an image as far as it is known, and the name of the model in a message about it."""
        if self.shape:
            return (self.channels, *self.shape), self.title
        if self.dims:  # the channels are for the forward pass to judge: it may make three of one
            return (None,) * (self.dims + 1), f"{self.title}, a network of Conv{self.dims}d,"
        return None, self.title

    def _look(self, x):
        """Refuse a bare model that answers by chance, or by what stands beside an image; see whether it ends in
        probabilities.
        """
        self.answer.probable = False
        draws = OwnDraws()
        alone = self.scores(x, draws)
        if draws.drawn:
            raise InputError(
                f"{self.title} draws random numbers in eval mode, so it answers the same image otherwise each time; "
                "use nn.Dropout, which eval mode switches off"
            )
        both = self.scores(torch.cat([x, -x]))
        coarse = is_quantised(self.net) or self.dtype not in (torch.float32, torch.float64)
        if (alone - both[:1]).abs().max() > (
            0.2 if coarse else 1e-3 if x.device.type == "cpu" else 0.01
        ) * alone.abs().max() + 1e-6:
            raise InputError(
                f"{self.title} answers an image otherwise when another one stands beside it in the batch, so it cannot"
                " be explained; give batch normalisation its running statistics, or mend what mixes the images of a"
                " batch"
            )
        last = next(
            (name for name in reversed(draws.operations) if name not in RESHAPING and not name.startswith("_record")),
            "",
        )
        chances = both[:, 1:] if self.answer.paired else both
        adds_up = (chances.sum(dim=1) - 1).abs().max() < 1e-4
        self.answer.probable = bool(((chances >= 0) & (chances <= 1)).all()) and (
            last in ("_softmax", "sigmoid") or bool(adds_up)
        )

    def blank(self, shape=None):
        """A float image that the network takes, all mid-grey: (1, C, *spatial).

        shape  (C, H, W) or (C, D, H, W); left out: what is known, with 28 pixels a side and the channels that pass

        Raises `InputError` where the network does not take it.
        """
        spatial = self.shape or (28,) * (self.dims or 2)
        shapes = (
            [(channels, *spatial) for channels in dict.fromkeys((self.channels or 1, 1, 3))]
            if self.bare
            else [(self.channels, *spatial)]
        )
        if shape is not None:
            sides = checked_sides(shape)
            shapes = [sides]
            if len(sides) not in ((self.dims + 1,) if self.dims else (3, 4)):
                raise InputError(f"shape is {sides}; give that of one image, (C, H, W), or of one volume, (C, D, H, W)")
        refused = []
        for each in shapes:
            x = to_model(torch.zeros(1, *each, dtype=self.dtype, device=self.device), self.device)
            try:
                self._look(x) if self.bare else self.scores(x)
                return x
            except InputError as error:
                refused.append(error)
        raise refused[0]

    def gives_gradients(self, x):
        """Whether a gradient of the scores reaches a float batch: none does from behind a rounding, a decision or
        `torch.no_grad`.
        """
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            scores = self.net(x)
            try:
                return scores.requires_grad and torch.autograd.grad(scores.sum(), x, allow_unused=True)[0] is not None
            except RuntimeError:  # an operation that has no derivative
                return False

    def scores(self, x, watch=None):
        """Logits of a float batch, (B, classes); of a segmentation that is not `asked`, (B, classes, *spatial).

        Raises `InputError` where they are no finite scores of classes.

        watch  a context for the forward pass
        """
        try:
            with torch.no_grad(), watch or nullcontext():
                logits = self.net(x)
        except Exception as error:
            if isinstance(error, (InputError, MemoryError)) or is_about_memory(error):
                raise
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(f"{self.title} cannot take an image of shape {tuple(x.shape[1:])}: {reason}") from error
        sides = tuple(x.shape[2:]) if self.dense and self.answer.region is None else ()
        found = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        if len(found) < 2 or found != (len(x), found[1], *sides) or not found[1]:
            each, shape = ("class and pixel", "classes, …") if sides else ("class", "classes")
            raise InputError(
                f"{self.title} returns {found}; explain needs one score for each {each}, (B, {shape}): "
                "give a module whose forward returns only these"
            )
        if not logits.is_floating_point():
            raise InputError(
                f"{self.title} returns {logits.dtype}, no scores; give a module that returns what comes before the"
                " decision"
            )
        if not torch.isfinite(logits).all():
            raise InputError(f"{self.title} answers NaN or infinity: its weights are broken; train or load it again")
        return logits

    def answers(self, x):
        """Scores and probabilities of a float batch, (B, classes) each; of a segmentation the means over the region
        that is `asked` about.
        """
        region = self.answer.region
        if region is None:
            logits = self.scores(x)
            return logits, self.probabilities(logits)
        with self._looking_at(None):
            logits = self.scores(x)
        return [each[..., region].mean(dim=-1) for each in (logits, self.probabilities(logits))]

    @contextmanager
    def asked(self, x, target, region):
        """Within it, `net` answers (B, classes); it gives (target, region).

        x       the image, a float batch of one
        target  number or name of a class, or None
        region  of a segmentation, as `explain` takes it; else None

        Raises `InputError` for a region that there is not.
        """
        if self.dense:
            target, region = self._focus(x, target, region)
        elif region is not None:
            raise InputError(f"{self.title} gives one answer for an image, and none for a region; leave region out")
        with self._looking_at(region):
            yield target, region

    @contextmanager
    def _looking_at(self, region):
        self.answer.region, before = region, self.answer.region
        try:
            yield
        finally:
            self.answer.region = before

    def _focus(self, x, wanted, region):
        """The `Target` and the mask that a segmentation is asked about, where one or both may be left out."""
        with self._looking_at(None):
            given = self.scores(x)[0]
        count, chosen = len(given), given.argmax(dim=0)
        if region is not None:
            region = as_region(region, x.shape[2:]).to(x.device)
        if wanted is None:
            pixels = torch.bincount(chosen.flatten() if region is None else chosen[region], minlength=count)
            pixels[0] = 0  # so it is the background only where there is nothing else
            wanted = int(pixels.argmax())
        target = self.target(wanted, count)
        region = chosen == target.index if region is None else region
        if not region.any():
            raise InputError(
                f"{self.title} gives no pixel of this image to '{target.name}'; give a region, a mask or a box, to see"
                " what speaks for it there"
            )
        return target, region

    def probabilities(self, logits):
        """(B, classes) scores to probabilities; a single output is read as the logit of 'yes', of a regression's run as
        its number.
        """
        if self.task == "regression":
            return probabilities(logits, self.task, self.scale)
        if self.answer.probable:
            return logits
        if self.answer.paired:
            return logits.sigmoid()  # of the output, and of its negative
        return probabilities(logits, "multi-label" if logits.shape[1] == 1 else self.task)

    def target(self, wanted, count):
        """The `Target` of a class number or name. Raises `InputError` for one that the model does not have.

        count  the number of the model's outputs
        """
        names = self.names(count)
        if isinstance(wanted, Target):
            wanted = wanted.index
        if isinstance(wanted, str):
            if wanted not in names:
                raise unknown("target", wanted, names)
            return Target(names.index(wanted), wanted)
        try:
            index = whole("target", wanted)
        except InputError:
            raise unknown("target", wanted, names) from None
        if not 0 <= index < count:
            raise InputError(
                f"target {index} is out of range; {self.title} has classes 0…{count - 1}: {', '.join(names)}"
            )
        return Target(index, names[index])

    def names(self, count):
        """The names of the classes."""
        return (
            self.classes if self.classes and len(self.classes) == count else tuple(f"class {i}" for i in range(count))
        )


def layers(run_or_model: Run | nn.Module, shape: Sequence[int] | None = None) -> dict[str, tuple[int, ...]]:
    """The layers that Grad-CAM can look at: {name: (C, h, w)} in the order of the forward pass.

    shape  of one image (C, H, W) or (C, D, H, W); a `Run` knows it, a bare model
           is tried with 28 pixels a side

    Raises `InputError` for a shape that the model does not take.

    >>> from torch import nn
    >>> from medtutor.explanation import layers
    >>> layers(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten()))
    {'0': (4, 26, 26), '1': (4, 26, 26)}
    """
    subject = Subject.of(run_or_model)
    with torch.inference_mode(False):
        x = subject.blank(shape)
        return feature_maps(trace(subject.net, x), x.dim() - 2)


def is_about_memory(error):
    """Whether torch ran out of it: no fault of the model."""
    return "out of memory" in str(error) or "allocate memory" in str(error)


def _answering(model, binary):
    """The twin of a model, and the `Answer` through which its answers go."""
    net, answer = twin(model), Answer(binary)
    net.register_forward_hook(answer)
    return net, answer
