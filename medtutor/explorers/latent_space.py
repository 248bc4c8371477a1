"""The codes of an autoencoder: where they lie, along which directions they spread, which real ones are near."""

import numpy as np
import torch

from ..data.card import SPLITS
from ..data.dataset import normalise
from ..errors import InputError, unknown
from ..models.inference import device_of, evaluating
from .cases import label_of

AXES = 6  # directions that are kept
NEAREST = 3  # real neighbours


class Space:
    """The codes of real images: where they lie, along which directions they spread, how near one is to the next.

    model    with `encode` and `decode`
    images   uint8 (N, C, H, W), the reference

    codes       float32 (N, latents); of a VAE the means
    axes        (K, latents): the principal directions, the most spread first. Each points
                to where the decoded mean gets brighter
    spreads     (K,): standard deviation of the codes along each
    shares      (K,): of the codes' whole variance, 0…1
    weights     (latents,): how much a number counts in a distance. 1, but for a VAE the share
                of its variance that comes from the images: numbers that have collapsed into
                the prior, and that the decoder ignores, keep no two images apart

    Raises `InputError` where there are no codes, or all are the same.
    """

    def __init__(self, model, images):
        from sklearn.neighbors import NearestNeighbors  # a second: for this explorer alone

        self.model = model
        self.codes, variances = encoded(model, images)
        self.is_vae = variances is not None
        count, latents = self.codes.shape
        if latents < 2:
            raise InputError("a code of one number has no map and no second axis; give a model of at least 2 latents")
        self.mean = self.codes.mean(axis=0)
        self._centred = self.codes - self.mean
        _, sizes, axes = np.linalg.svd(self._centred, full_matrices=False)
        spreads = sizes / np.sqrt(max(count - 1, 1))
        if (spreads > 1e-4).sum() < 2:
            raise InputError(
                "the codes of all images are the same, or on one line: they say nothing; train longer, or a VAE with a"
                " smaller beta"
            )
        kept = min(AXES, int((spreads > 1e-4).sum()))
        self.shares = (spreads**2 / (spreads**2).sum())[:kept]
        self.axes, self.spreads = axes[:kept], spreads[:kept]
        ends = (
            self.decoded(self.mean + sign * self.spreads[:, None] * self.axes).mean(axis=(1, 2, 3)) for sign in (1, -1)
        )
        self.axes = self.axes * np.where(np.subtract(*ends) < 0, -1, 1)[:, None].astype(np.float32)
        variance = self.codes.var(axis=0)
        self.weights = variance / (variance + variances.mean(axis=0)) if self.is_vae else np.ones(latents, np.float32)
        # A tree, not matrix products: with these an image is a little away from itself.
        self._near = NearestNeighbors(algorithm="kd_tree").fit(self._weighted(self.codes))

    def _weighted(self, codes):
        return codes * np.sqrt(self.weights)

    def coordinates(self, codes):
        """Codes (…, latents) along the axes, in standard deviations from the mean: (…, K)."""
        return (codes - self.mean) @ self.axes.T / self.spreads

    def moved(self, code, axis, value):
        """The code with another coordinate along one axis; what the other axes say stays."""
        return code + (value - self.coordinates(code)[axis]) * self.spreads[axis] * self.axes[axis]

    def decoded(self, codes):
        """Codes (N, latents) to images, float32 (N, C, H, W), clamped to -1…1."""
        device = device_of(self.model)
        with torch.inference_mode(), evaluating(self.model):
            images = self.model.decode(torch.as_tensor(codes, dtype=torch.float32, device=device))
        return images.clamp(-1, 1).cpu().numpy()

    def nearest(self, codes, count=NEAREST):
        """(distances, numbers), (N, count) each: the nearest reference codes of codes (N, latents), the nearest
        first.
        """
        return self._near.kneighbors(self._weighted(codes), min(count, len(self.codes)))

    def random(self, generator):
        """A code of no image: from the prior of a VAE, else from the Gaussian with the mean and covariance of the
        codes.
        """
        if self.is_vae:
            return generator.standard_normal(self.codes.shape[1]).astype(np.float32)
        noise = generator.standard_normal(len(self.codes)).astype(np.float32)
        return self.mean + noise @ self._centred / np.sqrt(len(self.codes) - 1)  # its covariance is theirs


def check_images(dataset, split, reference):
    """Raise an `InputError` for unknown splits, and for what are no single images."""
    for name in (split, reference):
        if name not in SPLITS:
            raise unknown("split", name, list(SPLITS))
    card = dataset.card
    if card.dims == 3 or card.frames:
        what = "sequences" if card.frames else "volumes"
        raise InputError(f"{card.name} holds {what}; this explorer shows single images only")


def encoded(model, images):
    """The codes of uint8 images, float32 (N, latents), and their variances: None but for a VAE.

    Raises `InputError` where the model does not take the images, or gives no code.
    """
    size = " x ".join(map(str, images.shape[1:]))
    if not isinstance(model, torch.nn.Module) or not hasattr(model, "encode") or not hasattr(model, "decode"):
        raise InputError(
            f"{type(model).__name__} has no encode and decode; give an Autoencoder or a VAE (of a run: its model)"
        )
    device, found = device_of(model), []
    try:
        with torch.inference_mode(), evaluating(model):
            for batch in images.split(500):
                given = model.encode(normalise(batch).to(device))
                found.append((given,) if isinstance(given, torch.Tensor) else tuple(given))
            is_code = len(found[0]) <= 2 and all(part.dim() == 2 for part in found[0])
            back = model.decode(found[0][0][:1]).shape[1:] if is_code else None
    except RuntimeError:
        raise InputError(
            f"the model does not take images of {size}; give the data set that it was trained on"
        ) from None
    if not is_code:
        raise InputError(
            f"{type(model).__name__} gives maps, not a code of a few numbers; give an Autoencoder or a VAE"
        )
    if back != images.shape[1:]:
        raise InputError(f"the model does not decode to images of {size}; give the data set that it was trained on")
    codes, *log_variance = (torch.cat(parts).cpu().float().numpy() for parts in zip(*found))
    if not np.isfinite(codes).all():
        raise InputError("the model's codes hold NaN or infinity; train it anew, with a smaller learning rate")
    return codes, np.exp(log_variance[0]) if log_variance else None


def groups(cases, card):
    """(names, numbers (N,)): the classes where each case has one; else what can be told apart on a map."""
    if cases.labels is None or card.task == "regression":
        return ("all images",), np.zeros(len(cases), dtype=int)
    labels = cases.labels.numpy()
    if labels.ndim == 2:
        return ("no label", "one or more"), labels.any(axis=1).astype(int)
    return card.classes, labels


def label(cases, card, number):
    """The label of a case in words, "" where it has none."""
    if cases.labels is None:
        return ""
    own = cases.labels[int(number)]
    if card.task == "regression":
        return f"{float(own):.3g}"
    return label_of(own, card)
