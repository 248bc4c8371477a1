"""Is this segmentation any good? An answer without the truth, and how good that answer is.

A network says what it is unsure of: `uncertainty_features` gathers it, one number
a case each. Where the truth is known, on validation images, `QualityModel` learns
which Dice goes with which numbers, and later predicts the Dice of cases whose truth
nobody knows, so that the bad ones can be flagged for a person to look at. The aim is
that of Ganesh et al., Cancer Biomarkers 2025, who predict the mIoU by a network; here
it is a ridge regression on six numbers, which a few patients can support.

Failures are rare on clean images: `data.augmentation.degrade` makes them. `judge_flags` says how good
predictions and flags are. Arrays or tensors in, numpy out.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage

from .. import checks
from ..checks import as_numbers, as_probabilities
from ..errors import InputError
from ..metrics.segmentation import segmentation_scores

# What `uncertainty_features` tells of each case; the last only where other predictions are given.
FEATURES = {
    "entropy": "mean entropy where foreground is predicted, 0 (sure) to 1 (all classes alike)",
    "boundary entropy": "the same within one pixel of the predicted border",
    "self-Dice": "soft Dice of the probabilities with the mask made from them, 1 where all are sure",
    "volume": "predicted foreground, pixels",
    "components": "connected pieces of the predicted foreground",
    "agreement": "mean Dice with the other predictions (mirrored, shifted, dropout)",
}


def uncertainty_features(probabilities, others=None):
    """{name of `FEATURES`: float64 (P,)}: what the prediction says of itself, without the truth.

    probabilities  (P, classes, [D,] H, W), summing to 1 over the classes
    others         [(P, classes, [D,] H, W), …]: other predictions of the same images, turned
                   back where the image was mirrored or shifted; no agreement when left out

    Where no foreground is predicted, both entropies are 1 and both Dices 0: the worst.
    Raises `InputError` for probabilities of another form.
    """
    probabilities = _checked(probabilities)
    masks = probabilities.argmax(axis=1)
    columns = {name: np.zeros(len(masks)) for name in FEATURES}
    for i, (case, mask) in enumerate(zip(probabilities, masks)):
        found = mask > 0
        cross = ndimage.generate_binary_structure(mask.ndim, 1)
        border = ndimage.binary_dilation(found, cross) & ~ndimage.binary_erosion(found, cross)
        entropy = -(case * np.log(np.maximum(case, 1e-12))).sum(axis=0) / np.log(len(case))
        columns["entropy"][i] = entropy[found].mean() if found.any() else 1.0
        columns["boundary entropy"][i] = entropy[border].mean() if found.any() else 1.0
        columns["self-Dice"][i] = _self_dice(case, mask)
        columns["volume"][i] = found.sum()
        columns["components"][i] = ndimage.label(found, np.ones([3] * mask.ndim))[1]
    if others is None:
        del columns["agreement"]
    else:
        columns["agreement"] = _agreement(masks, others, probabilities.shape)
    return columns


def _self_dice(case, mask):
    """Mean soft Dice over the classes in the mask, of the probabilities it was made from; 0 where it is empty."""
    found = [c for c in range(1, len(case)) if (mask == c).any()]
    values = [2 * case[c][mask == c].sum() / (case[c].sum() + (mask == c).sum()) for c in found]
    return np.mean(values) if found else 0.0


def _agreement(masks, others, shape):
    """Mean Dice of the masks with those of other predictions, (P,); 0 where a mask is empty."""
    others = [_checked(each) for each in others]
    if not others or any(each.shape != shape for each in others):
        raise InputError("others do not fit the probabilities; give a list of predictions of the same images and shape")
    dice = [segmentation_scores(masks, each.argmax(axis=1), shape[1], distances=False)["dice"] for each in others]
    return np.mean(dice, axis=(0, 2)) * (masks > 0).reshape(len(masks), -1).any(axis=1)


@dataclass(frozen=True, eq=False)
class QualityModel:
    """Predicts the Dice of a case from its uncertainty, by ridge regression on standardised features.

    names    of the features, in order
    weights  {name: change of the Dice when that feature rises by one standard deviation}
    """

    names: tuple[str, ...]
    model: object = field(repr=False)

    @classmethod
    def fit(cls, features, dice):
        """The model of cases whose truth is known: validation images, never those of the training.

        features  {name: (P,)}, as of `uncertainty_features`
        dice      mean Dice of each case, 0…1, (P,)

        How strongly weights are kept small, ridge chooses by leaving one case out. Raises
        `InputError` for fewer than three cases, other lengths, or values that are not finite.
        """
        table, dice = _table(features), np.asarray(dice, dtype=np.float64)
        if len(dice) < 3 or dice.shape != (len(table),) or not np.isfinite(dice).all():
            raise InputError(
                f"{len(table)} cases of features and Dice of shape {dice.shape} do not fit; "
                "give a finite Dice for each, of 3 cases or more"
            )
        return cls(tuple(features), _ridge().fit(table, dice))

    def predict(self, features):
        """Predicted Dice, 0…1, (P,). Raises `InputError` where the features are not those of the fit."""
        if tuple(features) != self.names:
            raise InputError(f"features are {', '.join(features)}; give those of the fit: {', '.join(self.names)}")
        return np.clip(self.model.predict(_table(features)), 0, 1)

    @property
    def weights(self):
        return dict(zip(self.names, self.model[-1].coef_.tolist()))


def leave_one_out(features, dice, groups=None):
    """Predicted Dice of each case by a model of all the others, 0…1, (P,): a test where cases are few.

    groups  (P,): whose case it is; all cases of a patient are left out together.
            Give it where a patient is there more than once, degraded or not.

    Raises `InputError` as `QualityModel.fit`.
    """
    groups = np.arange(len(dice)) if groups is None else np.asarray(groups)
    if groups.shape != np.shape(dice):
        raise InputError(
            f"there are {len(dice)} cases and groups of shape {groups.shape}; say of each case whose it is"
        )
    predicted = np.zeros(len(dice))
    for group in np.unique(groups):
        out = groups == group
        model = QualityModel.fit(_cases(features, ~out), np.asarray(dice)[~out])
        predicted[out] = model.predict(_cases(features, out))
    return predicted


def flag(predicted, threshold=0.7):
    """Which cases a person should look at: bool (P,), those with a predicted Dice below the threshold.

    Raises `InputError` for a Dice that is no finite number: of NaN nobody would be told.
    """
    return as_numbers("predicted Dice", predicted) < checks.number("threshold", threshold)


@dataclass(frozen=True)
class FlagQuality:
    """How good predictions of the Dice are, and the flags made from them.

    correlation  Pearson's, of predicted and true Dice; NaN where one of them never changes
    error        mean absolute difference of the two
    auroc        how well the prediction tells failures from the rest, .5 is chance; NaN
                 where there are no failures, or nothing else
    found        share of the failures that are flagged; NaN where there are none
    false        share of the good cases that are flagged; NaN where there are none
    failures, n  cases with a true Dice below the threshold, and all cases
    """

    correlation: float
    error: float
    auroc: float
    found: float
    false: float
    failures: int
    n: int
    threshold: float

    def __str__(self):
        start = f"correlation {self.correlation:.2f}, mean error {self.error:.3f}, "
        if self.failures in (0, self.n):
            which = "no case has" if self.failures == 0 else "every case has"
            return start + f"AUROC not defined: {which} a Dice below {self.threshold:g} (n = {self.n})"
        return (
            start + f"AUROC of failures {self.auroc:.3f}, {self.found:.0%} of {self.failures} failures flagged, "
            f"{self.false:.0%} of the good cases (Dice below {self.threshold:g}, n = {self.n})"
        )


def judge_flags(predicted, dice, threshold=0.7):
    """`FlagQuality` of predicted against true Dice, both (P,). A failure has a true Dice below the threshold.

    Raises `InputError` for fewer than two cases, different lengths, and what is no finite number.
    """
    from sklearn.metrics import roc_auc_score

    predicted, dice = (
        as_numbers(f"{kind} Dice", each).astype(np.float64) for kind, each in (("predicted", predicted), ("true", dice))
    )
    if predicted.shape != dice.shape or dice.ndim != 1 or len(dice) < 2:
        raise InputError(
            f"predicted Dice {predicted.shape} and true Dice {dice.shape} do not fit; give both for the same 2 cases or"
            " more"
        )
    failed, flagged = dice < threshold, flag(predicted, threshold)
    changes = np.ptp(predicted) > 0 and np.ptp(dice) > 0
    both = failed.any() and not failed.all()
    return FlagQuality(
        float(np.corrcoef(predicted, dice)[0, 1]) if changes else float("nan"),
        float(np.abs(predicted - dice).mean()),
        float(roc_auc_score(failed, -predicted)) if both else float("nan"),
        float(flagged[failed].mean()) if failed.any() else float("nan"),
        float(flagged[~failed].mean()) if not failed.all() else float("nan"),
        int(failed.sum()),
        len(dice),
        threshold,
    )


def _ridge():
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-2, 3, 11)))


def _table(features):
    """{name: (P,)} as an array (P, features)."""
    table = np.stack([np.asarray(column, dtype=np.float64) for column in features.values()], axis=1)
    if not np.isfinite(table).all():
        raise InputError("a feature is not a finite number; leave out the case, or the feature")
    return table


def _cases(features, chosen):
    return {name: column[chosen] for name, column in features.items()}


def _checked(probabilities):
    probabilities = as_probabilities("probabilities", probabilities)
    if probabilities.ndim not in (4, 5) or probabilities.shape[1] < 2 or not probabilities.size:
        raise InputError(
            f"probabilities are of shape {probabilities.shape}; "
            "give (P, classes, H, W) or (P, classes, D, H, W), 2 classes or more"
        )
    return probabilities
