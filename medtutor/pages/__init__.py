"""A Run as one HTML file that explains itself in any browser: no Python, no server, no network."""

from .document import page

__all__ = ["page"]
