"""A Run as one HTML file that explains itself in any browser: no Python, no server, no network."""

from .document import page
from .frame import Page

__all__ = ["Page", "page"]
