"""What every explorer offers: back to the start, the picture as a file, the view as code, a panel in twice its size."""

import base64
import html
import weakref

import ipywidgets

from .output import panel, slow

TOOLS = {
    "reset": ("reset", "undo", "put all controls back to where they were at first"),
    "save": ("save picture", "download", "make a PNG file of what is shown, to be downloaded"),
    "code": ("copy as code", "code", "lines of Python that show the same again"),
}
PLAIN = "no panel"


class Tools:
    """A row of buttons, and a list of the panels.

    reset, save, code  Buttons
    large              Dropdown: which panel is shown in twice its size
    shown              HTML: the link to the file, or the lines of code
    box                the widgets to put into an explorer
    """

    def __init__(self, explorer):
        self._explorer = weakref.ref(explorer)  # ipywidgets keeps every widget alive, and must not keep the explorer
        self.reset, self.save, self.code = (
            ipywidgets.Button(description=words, icon=icon, tooltip=tip, layout={"width": "auto"})
            for words, icon, tip in TOOLS.values()
        )
        panels = [(PLAIN, ""), *((cell.title, name) for name, cell in _panels(explorer).items())]
        self.large = ipywidgets.Dropdown(
            options=panels, description="large", layout={"width": "16em"}, style={"description_width": "3em"}
        )
        self.shown = ipywidgets.HTML(layout={"max_width": "100%"})
        row = ipywidgets.HBox(
            [self.reset, self.save, self.code, self.large],
            layout=ipywidgets.Layout(flex_flow="row wrap", align_items="center"),
        )
        self.box = ipywidgets.VBox([row, self.shown])
        for name in TOOLS:
            getattr(self, name).on_click(lambda _, name=name: self._ask(f"_tool_{name}"))
        self.large.observe(lambda _: self._ask("_tool_large"), "value")

    def _ask(self, method):
        explorer = self._explorer()
        if explorer is not None:
            getattr(explorer, method)()

    def clear(self):
        """What was made of another view is no longer offered."""
        self.shown.value = ""

    def offer_file(self, picture, name):
        """Show a link that downloads a `Picture`."""
        data = base64.b64encode(picture.png).decode()
        self.shown.value = (
            f'<div role="status"><a download="{html.escape(name)}" href="data:image/png;base64,{data}">'
            f"{html.escape(name)}, {len(picture.png) // 1000 + 1} kB</a></div>"
        )

    def offer_code(self, lines):
        """Show lines of Python, ready to be copied."""
        self.shown.value = (
            '<textarea readonly aria-label="this view as code" spellcheck="false" style="width:98%;max-width:780px;'
            f'font-family:monospace" rows="{lines.count(chr(10)) + 1}">{html.escape(lines)}</textarea>'
        )


def _panels(explorer):
    return {name: cell for name, cell in explorer._declared.items() if isinstance(cell, panel)}


def as_code(explorer):
    """Lines of Python that make an explorer and put its controls where they stand now."""
    call = explorer.call or f"{explorer._kind}()"
    lines = [f"from {type(explorer).__module__} import {call.split('(')[0]}", "", f"explorer = {call}"]
    waits = {
        cell
        for each in explorer._declared.values()
        if isinstance(each, slow) and each.pressed is None
        for cell in explorer._cells.has_read(each)
    }
    for control in explorer._declared_controls.values():
        value, start = control.value(explorer), control.at_first(explorer)
        if value != start:
            lines += control.lines(explorer, value, start)
            if control in waits:
                lines.append("explorer.job.wait()")
    return "\n".join([*lines, "explorer"])
