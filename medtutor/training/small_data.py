"""A training on few labels, a second long, with one remedy against overfitting or with several.

So small that it can be repeated: what one training on 20 images says, hangs on which 20 they were. The loop is the
engine's, with AdamW and a one-cycle schedule; the weights after the last step are kept, unless it stops early.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.optim.swa_utils import AveragedModel

from .. import checks
from ..checks import flag, instance, one_of
from ..data.augmentation import AUGMENTATIONS, augment
from ..data.dataset import Dataset, Split, normalise
from ..errors import InputError
from ..metrics.classification import measure
from ..models import build
from ..models.autoencoder import Decoder
from ..models.inference import to_model
from ..models.randomness import draws, seeded
from . import given
from .engine import Trainer, moving_average, own_random
from .prediction import predict_logits
from .reconstruction import fit_reconstruction

MODEL = "lenet"  # 61 k weights, a step of 20 images in 2.5 ms
LOOKS = 15  # how often an early stopping looks at val
BINS = 15  # of the calibration error
PROBE = 0.1  # how strongly a linear probe is regularised: scikit-learn's C
CODE = 32  # numbers that an autoencoder squeezes an image into


@dataclass(frozen=True)
class Setup:
    """How a small training goes. Frozen.

    steps             of the optimiser, rounded up to whole passes over the training images
    batch_size        images in a step; all of them where there are fewer
    learning_rate     the highest of the one-cycle schedule
    dropout           share of the features in front of each linear layer that is left out in a step, 0 to below 1
    weight_decay      of AdamW
    label_smoothing   share of the target that is spread over all classes, 0 to below 1
    average           decay per step of the moving average of the weights, which is then kept; 0 keeps the last ones
    early_stopping    keep the weights of the lowest loss on val. It looks at as many images of val as it learns from:
                      labels to choose by are labels that somebody paid for
    augmentation      one of `AUGMENTATIONS`

    Raises `InputError` for what is out of range.

    >>> Setup(dropout=0.5).dropout
    0.5
    """

    steps: int = 300
    batch_size: int = 20
    learning_rate: float = 1e-3
    dropout: float = 0.0
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    average: float = 0.0
    early_stopping: bool = False
    augmentation: str = "none"

    def __post_init__(self) -> None:
        given.count("steps", self.steps)
        given.count("batch_size", self.batch_size, 2)
        given.learning_rate(self.learning_rate)
        given.amount("weight_decay", self.weight_decay)
        for name in ("dropout", "label_smoothing", "average"):
            given.share(name, getattr(self, name))
        flag("early_stopping", self.early_stopping)
        one_of("kind of augmentation", self.augmentation, AUGMENTATIONS)

    def but(self, **changes: Any) -> "Setup":
        """A copy with other values."""
        return replace(self, **changes)


class Quality(NamedTuple):
    """How good a model is on a split.

    auc          0…1
    loss         cross-entropy, nats: what probabilities cost that are sure and wrong
    calibration  expected calibration error, 0…1: how far the confidence of the answer is from how often it is right,
                 a mean over 15 bins of confidence
    """

    auc: float
    loss: float
    calibration: float


class Small:
    """What came of a small training.

    model    the network, in eval mode; of a linear probe the encoder
    setup    its `Setup`; None of a probe
    history  of a training that was watched, a row for each look: {"step", "train", "val"}, losses

    >>> from medtutor import load
    >>> from medtutor.data.subsets import draw_labels
    >>> xray = load("pneumoniamnist", source="phantom")
    >>> found = fit_small(draw_labels(xray, 20, seed=0), Setup(steps=5))
    >>> found.scores(xray.test.images[:3]).shape
    (3, 2)
    """

    def __init__(self, model: nn.Module, setup: Setup | None = None, history: tuple = (), head: Any = None) -> None:
        self.model, self.setup, self.history, self._head = model, setup, history, head

    def scores(self, images: torch.Tensor) -> np.ndarray:
        """Probabilities (N, classes) of uint8 images."""
        if self._head is not None:
            return self._head.predict_proba(features(self.model, images))
        return predict_logits(self.model, images, batch_size=256).softmax(dim=1).double().numpy()

    def quality(self, split: Split) -> Quality:
        """The `Quality` on a split whose images are of one class each."""
        from torchmetrics.functional.classification import multiclass_calibration_error

        scores, labels = self.scores(split.images), instance("labels", split.labels, torch.Tensor, "one for each image")
        right = scores[np.arange(len(labels)), labels.numpy()]
        task = "binary" if scores.shape[1] == 2 else "multi-class"
        error = multiclass_calibration_error(
            torch.from_numpy(scores).float(), labels, num_classes=scores.shape[1], n_bins=BINS
        )
        loss = float(-np.log(right.clip(1e-7)).mean())
        return Quality(measure(labels, scores, task, resamples=0).auc, loss, float(error))


def fit_small(
    dataset: Dataset,
    setup: Setup | None = None,
    *,
    seed: int = 0,
    model: str = MODEL,
    start: nn.Module | None = None,
    watch: int = 0,
    progress: bool = False,
    **options: Any,
) -> Small:
    """Train a small network on the training images of a data set: a `Small`.

    setup    `Setup()` when left out
    seed     of weights, order, augmentation and dropout
    model    the name of a classifier of images
    start    a network of the same kind, such as `pretrain` gives: its convolutions are taken over, not its head
    watch    how often losses on train and val are looked at, for `history`
    options  of the model, such as width=16 of "mlp"

    Of val only an early stopping and `watch` see anything, of test nothing does. Raises `InputError` for a data set
    whose images are not of one class each or are all of one, and for a `start` that does not fit.

    >>> from medtutor.data import card, phantoms
    >>> xray = phantoms.draw(card("pneumoniamnist"), {"train": 20, "val": 8, "test": 8})
    >>> [row["step"] for row in fit_small(xray, Setup(steps=10), watch=2).history]
    [5, 10]
    """
    setup = instance("setup", Setup() if setup is None else setup, Setup, "a Setup, or left out")
    seed, watch = checks.seed(seed), given.count("watch", watch, 0)
    _check(dataset)
    network = build(model, dataset, seed=seed, **options)
    if start is not None:
        _take_over(network, start)
    if setup.dropout:
        _add_dropout(network, setup.dropout)
    training = _Training(network, dataset, setup, seed, watch, progress)
    training.train()
    return Small(training.kept(), setup, tuple(training.history))


class _Training(Trainer):
    """Steps on images that are floats from the beginning, all in memory."""

    def __init__(self, network, dataset, setup, seed, watch, progress):
        train, self.setup = dataset.train, setup
        self.images = normalise(train.images)
        self.targets = F.one_hot(train.labels, len(dataset.card.classes)).float()
        batch = min(setup.batch_size, len(train))
        passes = -(-setup.steps // (len(train) // batch))
        super().__init__(
            network.to(memory_format=torch.channels_last),
            torch.arange(len(train)),
            self.batch_loss,
            epochs=passes,
            batch_size=batch,
            learning_rate=setup.learning_rate,
            weight_decay=setup.weight_decay,
            seed=seed,
            title=f"{network.name} on {len(train)} images",
            progress=progress,
        )
        self.generator, self.layers_draw = own_random(seed, draws(network, self.images[:2]))
        self.average = AveragedModel(network, multi_avg_fn=moving_average(setup.average), use_buffers=True)
        self.total, self.done, self.history, self.best = passes * self.steps, 0, [], (float("inf"), None)
        self.looks = {self.total * (number + 1) // watch for number in range(watch)}
        self.stops = {self.total * (number + 1) // LOOKS for number in range(LOOKS if setup.early_stopping else 0)}
        some = torch.randperm(len(dataset.val), generator=torch.Generator().manual_seed(seed))[: len(train)]
        self.val, self.chooses = dataset.val, replace(dataset.val, **_rows(dataset.val, some))

    def batch_loss(self, rows, generator):
        images, targets = augment(self.images[rows], self.targets[rows], self.setup.augmentation, generator)
        logits = self.model(to_model(images, torch.device("cpu")))
        return F.cross_entropy(logits, targets, label_smoothing=self.setup.label_smoothing)

    def step(self, rows, generator):
        loss = super().step(rows, generator)
        self.done += 1
        if self.setup.average:
            self.average.update_parameters(self.model)
        if self.done in self.looks:
            losses = {"train": _loss(self.kept_now, self.images, self.targets.argmax(dim=1))}
            losses["val"] = _loss(self.kept_now, normalise(self.val.images), self.val.labels)
            self.history.append({"step": self.done} | losses)
        if self.done in self.stops:
            found = _loss(self.kept_now, normalise(self.chooses.images), self.chooses.labels)
            if found < self.best[0]:
                self.best = found, {name: value.clone() for name, value in self.kept_now.state_dict().items()}
        return loss

    @property
    def kept_now(self):
        return self.average.module if self.setup.average else self.model

    def kept(self):
        """The network that is kept, in eval mode."""
        if self.best[1] is not None:
            self.kept_now.load_state_dict(self.best[1])
        return self.kept_now.eval()


@torch.no_grad()
def _loss(network, images, labels):
    training = network.training
    logits = torch.cat([network.eval()(some) for some in images.split(256)])
    network.train(training)
    return float(F.cross_entropy(logits, labels))


def _rows(split, rows):
    return {name: tensor[rows] for name, tensor in vars(split).items() if tensor is not None}


def _check(dataset):
    instance("dataset", dataset, Dataset, "a Dataset, such as load and from_arrays give")
    card, labels = dataset.card, dataset.train.labels
    if labels is None or labels.dim() != 1 or labels.is_floating_point() or card.frames or card.dims != 2:
        raise InputError(f"{card.name} does not hold images of one class each; give such a set")
    if len(labels.unique()) < 2:
        raise InputError(
            f"all {len(labels)} training images are of one class, and nobody learns what it never sees; draw others,"
            " or more"
        )


def _take_over(network, start):
    """The weights of all but the head."""
    own, theirs = (getattr(each, "features", None) for each in (network, start))
    try:
        own.load_state_dict(theirs.state_dict())
    except (AttributeError, RuntimeError):
        raise InputError(
            f"the convolutions of {type(start).__name__} do not fit into {type(network).__name__}; start from a"
            " network of the same kind, for as many channels"
        ) from None


def _add_dropout(network, share):
    """A dropout layer in front of each linear one that reads features; pixels are left alone."""
    name = "classifier" if hasattr(network, "classifier") else "layers"
    head = getattr(network, name, None)
    parts = list(head) if isinstance(head, nn.Sequential) else [head]
    linear = [number for number, part in enumerate(parts) if isinstance(part, nn.Linear)]
    if name == "layers":
        linear = linear[1:]
    if not linear:
        raise InputError(f"{type(network).__name__} has no linear layer that reads features; leave dropout out")
    for number in reversed(linear):
        parts.insert(number, nn.Dropout(share))
    setattr(network, name, nn.Sequential(*parts))


# Weights from elsewhere ----------------------------------------------------------------------


class _Copier(nn.Module):
    """The convolutions of a classifier, squeezed into a code, and a decoder that draws the image again."""

    def __init__(self, network, channels, shape):
        super().__init__()
        with torch.no_grad():
            count = network.features(torch.zeros(1, channels, *shape)).numel()
        self.features = network.features
        self.code = nn.Sequential(nn.Flatten(), nn.Linear(count, CODE))
        self.decoder = Decoder(channels, shape, CODE, (16, 32))

    def forward(self, x):
        return self.decoder(self.code(self.features(x)))


def pretrain(dataset: Dataset, *, labels: bool = True, epochs: int = 3, seed: int = 0, model: str = MODEL) -> nn.Module:
    """A network whose convolutions have learned from a data set, as a `start` for `fit_small` and for `probe`.

    labels  learn its classes; False: without labels, as the encoder of an autoencoder
    epochs  passes over its training images

    Raises `InputError` as `fit_small`, and for a model without convolutions.

    >>> from medtutor.data import card, phantoms
    >>> breast = phantoms.draw(card("breastmnist"), {"train": 40, "val": 8, "test": 8})
    >>> start = pretrain(breast, labels=False, epochs=1)
    >>> xray = phantoms.draw(card("pneumoniamnist"), {"train": 20, "val": 8, "test": 8})
    >>> fit_small(xray, Setup(steps=5), start=start).scores(xray.test.images).shape
    (8, 2)
    """
    epochs = given.count("epochs", epochs)
    _check(dataset)
    if labels:
        steps = epochs * (len(dataset.train) // min(len(dataset.train), 20))
        return fit_small(dataset, Setup(steps=steps, augmentation="geometry"), seed=seed, model=model).model
    network = build(model, dataset, seed=seed)
    if not hasattr(network, "features"):
        raise InputError(f"{model} has no convolutions to hand on; take lenet or vgg")
    with seeded(checks.seed(seed)):
        copier = _Copier(network, dataset.card.channels, dataset.card.shape)
    fit_reconstruction(copier, normalise(dataset.train.images), epochs=epochs, seed=seed, progress=False)
    return network.eval()


def features(model: nn.Module, images: torch.Tensor) -> np.ndarray:
    """(N, features): what the convolutions of a network make of uint8 images."""
    convolutions = model.get_submodule("features")
    with torch.no_grad():
        return torch.cat([convolutions(normalise(some)).flatten(1) for some in images.split(256)]).numpy()


def probe(start: nn.Module, dataset: Dataset) -> Small:
    """A linear probe: a logistic regression on the features of a network whose weights stay as they are.

    >>> from medtutor import build
    >>> from medtutor.data import card, phantoms
    >>> xray = phantoms.draw(card("pneumoniamnist"), {"train": 20, "val": 8, "test": 8})
    >>> probe(build("lenet", xray), xray).scores(xray.test.images).shape
    (8, 2)
    """
    _check(dataset)
    labels: Any = dataset.train.labels
    head = make_pipeline(StandardScaler(), LogisticRegression(C=PROBE, max_iter=500))
    head.fit(features(start.eval(), dataset.train.images), labels.numpy())
    return Small(start, head=head)
