"""How to train: `Recipe`, and the one default per data set that ships."""

import tomllib
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from importlib.resources import files
from typing import Any, Self

from .. import checks
from ..errors import InputError, shown
from .engine import OPTIMISERS

_WHOLE = ("epochs", "batch_size", "shift_at_test", "seed")
_FLAGS = ("mirror", "skip_empty")
_RANGES = {"epochs": (1, 1_000_000), "rotation": (0, 180), "shift_at_test": (0, 10), "seed": (0, checks.LARGEST_SEED)}


@dataclass(frozen=True, repr=False)
class Recipe:
    """How to train. Frozen: a changed recipe is another recipe (`but`).

    What is not named is None until the recipe is `filled`, by `fit` for one, from the recipe
    that ships for the data set and the model.

    epochs           passes over the train split, 1…1,000,000
    batch_size       cases per step, over all processes together, 2 or more
    learning_rate    the highest of the one-cycle schedule (Smith & Topin, 2018)
    weight_decay     of the optimiser
    label_smoothing  share of the target spread over all classes, 0 to below 1
    mirror           flip at random along the axes that the card allows, and
                     average over the flips when predicting
    rotation         degrees, 0…180; scale: share, 0 to below 1; shift: pixels, at most the
                     image's shortest side. Drawn per case
    average          decay per step of the moving average of the weights, which
                     is what is kept; 0 keeps the last weights
    shift_at_test    whole pixels, 0…10: predictions are also averaged over all moves by
                     that many
    skip_empty       of a segmentation: train only on images that hold some foreground
    optimiser        "adamw" (Loshchilov & Hutter, arXiv:1711.05101), or "muon" (`Muon`) for the
                     kernels of convolutions
    seed             of the batch order, augmentation and dropout

    Raises `InputError` for what is no number, and for numbers out of range.
    """

    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    weight_decay: float | None = None
    label_smoothing: float | None = None
    mirror: bool | None = None
    rotation: float | None = None
    scale: float | None = None
    shift: float | None = None
    average: float | None = None
    shift_at_test: int | None = None
    skip_empty: bool | None = None
    optimiser: str | None = None
    seed: int = 0

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None or field.name == "seed":
                object.__setattr__(self, field.name, _checked(field.name, value))

    @property
    def named(self) -> dict:
        """{name: value} of what is not left to the default."""
        return {name: value for name, value in self.as_dict().items() if value is not None}

    def filled(self, dataset: Any, model: str | None = None) -> "Recipe":
        """The whole recipe: what is not named here comes from `default_recipe(dataset, model)`."""
        return self if len(self.named) == len(fields(self)) else default_recipe(dataset, model, **self.named)

    def but(self, **changes: Any) -> Self:
        """A copy with other values: `recipe.but(epochs=3)`."""
        unknown_names = set(changes) - {field.name for field in fields(self)}
        if unknown_names:
            raise InputError(f"a recipe has no {sorted(unknown_names)[0]!r}")
        return replace(self, **changes)

    def as_dict(self) -> dict:
        return asdict(self)

    def __repr__(self):
        shown = self.named
        if len(shown) < len(fields(self)) and not self.seed:
            del shown["seed"]  # 0 unless it is named
        return f"Recipe({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


def _checked(name, value):
    """A field's value as Python's own int, float or bool; or an `InputError`."""
    what = f"recipe: {name}"
    if name == "optimiser":
        if not isinstance(value, str) or value not in OPTIMISERS:
            raise InputError(f"{what} must be one of {', '.join(OPTIMISERS)}, not {shown(value)}")
        return value
    if name in _FLAGS:
        return checks.flag(what, value)
    if name in _WHOLE:
        found = checks.whole(what, value)
    else:
        try:
            found = checks.number(what, value)
        except InputError:
            raise InputError(f"{what} must be a number, not {value!r}") from None
        found = value if type(value) in (int, float) else found
    if name in ("epochs", "batch_size", "learning_rate") and found <= 0:
        raise InputError(f"{what} must be above 0, not {found}")
    if found < 0:
        raise InputError(f"{what} must not be negative, not {found}")
    if name in ("label_smoothing", "average", "scale") and found >= 1:
        raise InputError(f"{what} must lie in 0…1, below 1, not {found}")
    if name == "batch_size" and found < 2:
        raise InputError(f"{what} must be at least 2, since batch normalisation compares cases")
    if name in _RANGES:
        checks.number(what, found, *_RANGES[name])
    return found


@cache
def _shipped():
    return tomllib.loads(files(__package__).joinpath("recipes.toml").read_text(encoding="utf-8"))


def default_recipe(dataset: Any, model: str | None = None, **changes: Any) -> Recipe:
    """The `Recipe` that ships for a data set, or the general one for its kind, whole.

    dataset  a `Dataset` or its `Card`. A published set, or a phantom of one, has a recipe of its
             own; your own images have that of their kind, whatever their name
    model    the name of a model, some of which learn at another rate; left out: that of
             the default model
    changes  replace single values: `default_recipe(dataset, seed=3)`

    >>> from medtutor import default_recipe
    >>> from medtutor.data import card
    >>> default_recipe(card("pneumoniamnist"), epochs=3).epochs
    3
    """
    if model is not None and not isinstance(model, str):
        raise InputError(f"the model is {shown(model)}; give its name, or leave it out")
    table, card = _shipped(), getattr(dataset, "card", dataset)
    kind = "volumes" if len(card.shape) == 3 else "images"
    if card.task == "segmentation":
        kind = f"segmentation of {kind}"
    elif card.frames:
        kind = "sequences"
    # Of a Card alone it is not known whose images they are, only who published what it is the card of.
    published = dataset.provenance != "arrays" if hasattr(dataset, "provenance") else card.publisher is not None
    own = table["sets"].get(card.name, {}) if published else {}
    # Each table only names what differs from the one before it. What a set's table holds for one kind alone counts for
    # no other: slices and volumes of one set differ.
    tables = [table["every"], table[kind], own, own.get(kind, {}), table["models"].get(model, {})]
    named = [each["optimiser"] for each in tables if "optimiser" in each]
    optimiser = Recipe(optimiser=changes.get("optimiser")).optimiser or named[-1]
    values: dict[str, Any] = {}
    for each in tables:
        plain = {name: value for name, value in each.items() if not isinstance(value, dict)}
        values |= plain | each.get(optimiser, {})
    # A very small image is not moved out of itself.
    values["shift"] = min(values["shift"], min(card.shape) / 2)
    values["shift_at_test"] = min(values["shift_at_test"], min(card.shape) // 2)
    return Recipe(**values).but(**{name: value for name, value in changes.items() if value is not None})
