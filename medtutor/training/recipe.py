"""How to train: `Recipe`, and the one default per data set that ships."""

import math
import tomllib
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from importlib.resources import files

from ..errors import InputError


@dataclass(frozen=True)
class Recipe:
    """How to train. Frozen: a changed recipe is another recipe (`but`).

    epochs           passes over the train split
    batch_size       cases per step, over all processes together
    learning_rate    the highest of the one-cycle schedule (Smith & Topin, 2018)
    weight_decay     of AdamW
    label_smoothing  share of the target spread over all classes
    mirror           flip at random along the axes that the card allows, and
                     average over the flips when predicting
    shift_at_test    whole pixels: predictions are also averaged over all moves by
                     that many
    skip_empty       of a segmentation: train only on images that hold some foreground
    rotation         degrees; scale: share; shift: pixels. Drawn per case
    average          decay per step of the moving average of the weights, which
                     is what is kept; 0 keeps the last weights
    seed             of the batch order, augmentation and dropout
    """

    epochs: int = 8
    batch_size: int = 64
    learning_rate: float = 4e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    mirror: bool = True
    rotation: float = 0.0
    scale: float = 0.0
    shift: float = 2.0
    average: float = 0.99
    shift_at_test: int = 0
    skip_empty: bool = False
    seed: int = 0

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, (int, float)) or not math.isfinite(value):
                raise InputError(f"recipe: {field.name} must be a number, not {value!r}")
        positive = ("epochs", "batch_size", "learning_rate")
        for name in positive:
            if getattr(self, name) <= 0:
                raise InputError(f"recipe: {name} must be above 0, not {getattr(self, name)}")
        for name in ("epochs", "batch_size", "shift_at_test", "seed"):
            if not isinstance(getattr(self, name), int):
                raise InputError(f"recipe: {name} must be a whole number, not {getattr(self, name)}")
        for name in ("weight_decay", "rotation", "scale", "shift", "shift_at_test", "seed"):
            if getattr(self, name) < 0:
                raise InputError(f"recipe: {name} must not be negative, not {getattr(self, name)}")
        for name in ("label_smoothing", "average", "scale"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"recipe: {name} must lie in 0…1, not {getattr(self, name)}")
        if self.batch_size < 2:
            raise InputError("recipe: batch_size must be at least 2, since batch normalisation compares cases")

    def but(self, **changes):
        """A copy with other values: `recipe.but(epochs=3)`."""
        unknown_names = set(changes) - {field.name for field in fields(self)}
        if unknown_names:
            raise InputError(f"a recipe has no {sorted(unknown_names)[0]!r}")
        return replace(self, **changes)

    def as_dict(self):
        return asdict(self)


@cache
def _shipped():
    return tomllib.loads(files(__package__).joinpath("recipes.toml").read_text(encoding="utf-8"))


def default_recipe(card, model=None, **changes):
    """The `Recipe` that ships for a data set, or the general one for its kind.

    model    the name of a model, some of which learn at another rate; left out: that of
             the default model
    changes  replace single values: `default_recipe(card, seed=3)`
    """
    table = _shipped()
    kind = "volumes" if len(card.shape) == 3 else "images"
    if card.task == "segmentation":
        kind = f"segmentation of {kind}"
    elif card.frames:
        kind = "sequences"
    # Each table only names what differs from the one before it.
    return Recipe(**{**table[kind], **table.get(card.name, {}), **table["models"].get(model, {}), **changes})
