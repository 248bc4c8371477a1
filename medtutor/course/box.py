"""The boxes that predictions, checks and quizzes speak in.

A coloured bar, a symbol and words: nobody has to tell colours apart. The text
keeps the page's own colour, so that it is legible on light and dark pages.
"""

import html
from dataclasses import dataclass

from ..figures import BLUE, GREEN, GREY, VERMILION

# kind: (symbol, colour of the bar)
KINDS = {"open": ("☐", GREY), "right": ("✓", GREEN), "wrong": ("✗", VERMILION), "told": ("▸", BLUE)}


@dataclass(frozen=True)
class Box:
    """A sentence or two that a notebook shows, with a symbol for their kind.

    kind   "open" (nothing done yet), "right", "wrong" or "told"
    title  the first words, in bold
    text   the rest; plain text
    folded the text is seen after a click, or Enter, on the title
    """

    kind: str
    title: str
    text: str = ""
    folded: bool = False

    def __str__(self):
        symbol, _ = KINDS[self.kind]
        return f"{symbol} {self.title} {self.text}".strip()

    __repr__ = __str__

    def _repr_html_(self):
        symbol, colour = KINDS[self.kind]
        title, text = f"<b>{html.escape(self.title)}</b>", html.escape(self.text)
        # What is folded has the page's own triangle for a symbol.
        words = f"<details><summary>{title}</summary>{text}</details>" if self.folded else f"{symbol} {title} {text}"
        return (
            f'<div role="status" style="border-left:4px solid {colour};padding:2px 10px;margin:4px 0;max-width:46em">'
            f"{words}</div>"
        )
