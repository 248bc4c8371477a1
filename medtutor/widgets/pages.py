"""Paging through many images: two buttons and a page number, all by keyboard."""

import ipywidgets


class Pages:
    """Which page is shown of a number of items, `per_page` on each.

    box  the widgets to put into an explorer: previous, page number, next
    """

    def __init__(self, per_page):
        self.per_page, self.items = per_page, 0
        self.previous = ipywidgets.Button(description="previous", icon="arrow-left", layout={"width": "7em"})
        self.next = ipywidgets.Button(description="next", icon="arrow-right", layout={"width": "7em"})
        self.number = ipywidgets.BoundedIntText(
            value=1, min=1, max=1, description="page", layout={"width": "9em"}, style={"description_width": "4em"}
        )
        self.of = ipywidgets.HTML()
        self.box = ipywidgets.HBox(
            [self.previous, self.number, self.of, self.next],
            layout=ipywidgets.Layout(flex_flow="row wrap", align_items="center"),
        )
        # A button is never disabled at an end: it would throw the keyboard's focus away.
        self.previous.on_click(lambda _: self._go(-1))
        self.next.on_click(lambda _: self._go(+1))

    @property
    def count(self):
        """How many pages there are, at least 1."""
        return max(1, -(-self.items // self.per_page))

    @property
    def shown(self):
        """The items of this page, as a slice."""
        start = (self.number.value - 1) * self.per_page
        return slice(start, start + self.per_page)

    @property
    def place(self):
        """The place of this page in words: "1 to 16 of 70"."""
        last = min(self.shown.stop, self.items)
        if self.items == 0:
            return "none"
        return (
            f"{last} of {self.items}"
            if last == self.shown.start + 1
            else f"{self.shown.start + 1} to {last} of {self.items}"
        )

    def restart(self, items):
        """Back to the first page of other items."""
        self.items = items
        self.number.max, self.number.value = self.count, 1
        self.of.value = f"of {self.count}"

    def _go(self, step):
        self.number.value = min(max(self.number.value + step, 1), self.count)
