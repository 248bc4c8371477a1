"""From one source a lesson: the builder of notebooks."""

from .builder import build_notebook, sources

__all__ = ["build_notebook", "sources"]
