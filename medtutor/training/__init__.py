"""`fit`: model + Dataset + Recipe -> Run."""

from .loop import Interrupted, fit
from .recipe import Recipe, default_recipe
from .run import Run

__all__ = ["Interrupted", "Recipe", "Run", "default_recipe", "fit"]
