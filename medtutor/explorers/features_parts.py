"""What the feature explorer computes: maps of a layer, answers without a channel, and features of the known images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ..data.dataset import Dataset
from ..errors import InputError, unknown
from ..explanation.anatomy import feature_maps, last_feature_map, trace
from ..explanation.attention import is_transformer
from ..explanation.familiar import BATCH, features_of, hooked, limit_of, nearest, weighted
from ..explanation.subject import Subject
from ..training.run import Run
from .answers import few_threads
from .cases import check_classes, check_no_sequences, own_dataset


@dataclass(frozen=True, eq=False)
class Reference:
    """What the network makes of the images that it knows.

    features  float32 (N, F): of each training image, the input of the last layer with weights
    usual     float32 (V,): how far each validation image is from the nearest training image
    means     layer -> float32 (C,): the mean of each channel over all places of the validation images
    """

    features: torch.Tensor
    usual: torch.Tensor
    means: dict[str, torch.Tensor]


def without(subject: Subject, x: torch.Tensor, layer: str, channels: list[int], fill: torch.Tensor) -> torch.Tensor:
    """float32 (len(channels), classes): probabilities of an image, each without another channel of a layer.

    x     the image, a float batch of one
    fill  (C,): what is put in the place of each channel, at every place
    """
    rows, values = torch.arange(len(channels)), fill[channels]

    def hook(module, inputs, output):
        output = output.clone()
        output[rows, channels] = values.to(output).view(-1, *[1] * (output.dim() - 2))
        return output

    with hooked(subject.net, {layer: hook}):
        return subject.probabilities(subject.scores(x.repeat(len(channels), *[1] * (x.dim() - 1)))).float().cpu()


def without_each(run: Run, x: torch.Tensor, layer: str, fill: torch.Tensor, tell: Callable[..., None]) -> torch.Tensor:
    """float32 (C, classes): probabilities of an image without each channel, as of `without`."""
    subject, found = Subject.of(run), []  # a copy of its own: that of the explorer is hooked meanwhile
    for some in torch.arange(len(fill)).split(BATCH):
        tell(int(some[0]) / len(fill), f"channel {int(some[0])} of {len(fill)}")
        found.append(without(subject, x, layer, some.tolist(), fill))
    return torch.cat(found)


def reference_of(run: Run, dataset: Dataset, layers: list[str], head: str, tell: Callable[..., None]) -> Reference:
    """The `Reference` of a run; `head` is its last layer with weights. `tell(share, words)` as a `Job` has it."""
    subject, total = Subject.of(run), len(dataset.train) + len(dataset.val)
    sums: dict[str, torch.Tensor] = {}

    def adding(name):
        def hook(module, inputs, output):
            each = output.flatten(2).mean(2).double().sum(0).cpu()
            sums[name] = sums[name] + each if name in sums else each

        return hook

    def telling(before, words):
        return lambda done: tell((before + done) / total, words)

    train, val = dataset.train.images, dataset.val.images
    known = features_of(subject, train, head, telling(0, "features of the training images"))
    own = features_of(
        subject,
        val,
        head,
        telling(len(known), "features of the validation images"),
        {name: adding(name) for name in layers},
    )
    tell(None, "distances")
    return Reference(known, nearest(own, known), {name: (each / len(own)).float() for name, each in sums.items()})


def asked(subject: Subject, x: torch.Tensor, layer: str, read: Callable) -> tuple[torch.Tensor, torch.Tensor]:
    """(probabilities, what `read` makes of a layer's call) of one image."""
    found = []
    with few_threads(subject.shape), hooked(subject.net, {layer: lambda *call: found.append(read(*call))}):
        logits = subject.scores(x)
    return subject.probabilities(logits)[0].float().cpu(), found[-1].detach().float().cpu()


def checked(run: Run, dataset: Dataset, split: str) -> tuple[Subject, dict[str, tuple[int, ...]], str, str]:
    """(subject, its layers with feature maps, name of the last layer with weights, of the last one with maps).

    A module that is called twice is left out: it has no maps of its own.

    Raises `InputError` where there is nothing to explore.
    """
    if not isinstance(run, Run) or not isinstance(dataset, Dataset):
        raise InputError(f"features takes a Run and its Dataset, not {type(run).__name__} and {type(dataset).__name__}")
    if split not in ("val", "test"):
        raise unknown("split", split, ["val", "test"])
    check_no_sequences(run)
    check_classes(run)
    title = getattr(run.model, "name", None) or type(run.model).__name__
    if is_transformer(run):
        raise InputError(
            f"{title} is a transformer: what its blocks look at is no map of features; use explorers.attention(run,"
            " dataset)"
        )
    own_dataset(run, dataset)
    subject = Subject.of(run)
    seen = trace(subject.net, subject.blank())
    twice = seen.called_twice()
    layers = {name: shape for name, shape in feature_maps(seen, run.card.dims).items() if name not in twice}
    with_weights = weighted(seen)
    if not layers or not with_weights:
        raise InputError(f"{title} has no layer with feature maps to look at; give a run of a CNN, such as 'cnn'")
    last = last_feature_map(seen, run.card.dims)
    return subject, layers, with_weights[-1], last if last in layers else list(layers)[-1]


# In words -----------------------------------------------------------------------------------


def changes(before: torch.Tensor, effects: torch.Tensor, classes: Sequence[str]) -> list[tuple[str, float, str]]:
    """(channel, largest change of a probability, what becomes of the answer), the largest change first.

    before   (classes,): probabilities of the image as it is
    effects  (C, classes): those without each channel
    """
    change, says, rows = (effects - before).abs().amax(1), int(before.argmax()), []
    for number in change.argsort(descending=True, stable=True).tolist():
        new = int(effects[number].argmax())
        becomes = "" if new == says else f"; answer {classes[new]}"
        remark = f"{classes[says]} {before[says]:.3f} to {effects[number, says]:.3f}{becomes}"
        rows.append((f"channel {number}", float(change[number]), remark))
    return rows


def judged(distance: float, usual: torch.Tensor, share: float) -> list[str]:
    """Sentences: whether an image is farther from the training images than usual, and how far to trust that.

    usual  (V,): distances of the validation images, of which `share` may be called unusual
    """
    (limit, alarms), many = limit_of(usual, share), len(usual)
    words = "farther than that: unusual for the network" if distance > limit else "not farther: nothing unusual"
    return [
        f"Usual is a nearest training image at {usual.median():.3g} (median of {many} validation images); the limit is"
        f" {limit:.3g}. This image has one at {distance:.3g}, {words}.",
        f"False alarms: {alarms} of the {many} validation images ({alarms / many:.1%}), from which the limit was taken,"
        " are beyond it. An image within it may still be one that the network cannot know.",
    ]
