"""Labelled controls and headings, all of one measure."""

import html
import math

import ipywidgets
from traitlets import CInt

_STYLE = {"description_width": "7em"}
_WIDE = {"width": "98%", "max_width": "400px"}


class FromOne(ipywidgets.BoundedIntText):
    """A whole number that is one more on the page than in Python."""

    value, min, max = (
        CInt(start).tag(sync=True, to_json=lambda value, _: value + 1, from_json=lambda value, _: value - 1)
        for start in (0, 0, 100)
    )


def choice(description, options, value=None):
    """A Dropdown; `value` left out: the first option."""
    control = ipywidgets.Dropdown(options=options, description=description, style=_STYLE, layout=_WIDE)
    if value is not None:
        control.value = value
    return control


def slider(description, value, low, high, step, meaning=""):
    """An IntSlider where all numbers are whole, else a FloatSlider."""
    whole = all(isinstance(number, int) for number in (value, low, high, step))
    made = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
    control = made(value=value, min=low, max=high, step=step, description=description, style=_STYLE, layout=_WIDE)
    control.value = as_shown(control, value)
    if meaning:
        control.set_trait(
            "tooltip" if control.has_trait("tooltip") else "description_tooltip", meaning
        )  # ipywidgets 8, 7
    return control


def as_shown(control, value):
    """What a browser makes of a value that it is given for a control.

    A FloatSlider goes by its steps; a value between them, or with other last digits than the browser computes, would be
    sent back as a move of the user's, and late: perhaps when the slider stands elsewhere. All other values stay.
    """
    if not isinstance(control, ipywidgets.FloatSlider):
        return value
    low, high, step = control.min, control.max, control.step
    # As noUiSlider has it, the slider of ipywidgets, operation for operation: in percent of the slider's length.
    whole = high - low
    share = 100 * (value + abs(low) if low < 0 else value - low) / whole
    step = 100 * step / whole
    share = math.floor(share / step + 0.5) * step
    return high if value >= high or share >= 100 else max(share * whole / 100 + low, low)


def number_of(control):
    """The value of a control; of a slider that a browser has moved without the last digits of its arithmetic: 0.15, not
    0.15000000000000002.
    """
    return round(control.value, 9) if isinstance(control.value, float) else control.value


def film(frame, interval):
    """What plays a slider like a film: (button, hidden player, links), the first two to be put into a box.

    frame     IntSlider
    interval  milliseconds between two of its values
    """
    button = ipywidgets.ToggleButton(value=False, description="play", icon="play", layout={"width": "7em"})
    player = ipywidgets.Play(min=frame.min, max=frame.max, value=frame.value, interval=interval)
    moves = ipywidgets.jslink((player, "value"), (frame, "value"))
    if not player.has_trait("playing"):
        # ipywidgets 7 has no way to start a player but its own buttons.
        player._repeat, button.layout.display = True, "none"
        return button, player, [moves]
    # The buttons of a player have no names; so it is hidden, and a button with a name starts and stops it, in the page.
    player.repeat, player.layout.display = True, "none"
    return button, player, [ipywidgets.jslink((button, "value"), (player, "playing")), moves]


def of_option(option, default, shape):
    """The slider or list of a method's `Option`; for large images it reaches further.

    shape  of the images, without channels
    """
    if option.choices:
        return choice(option.name, list(option.choices), default)
    high = option.high
    if option.name in ("window", "patch", "stride"):
        high = min(max(high, 2 * default), min(shape))
    return slider(option.name, default, option.low, high, option.step, option.meaning)


def column(width, *widgets):
    """Widgets below each other; columns stand side by side where the page is wide enough."""
    return ipywidgets.VBox(widgets, layout=ipywidgets.Layout(flex=f"1 1 {width}", max_width="98%"))


def heading(words):
    """A small title."""
    return ipywidgets.HTML(f"<h4 style='margin:0.4em 0 0 0'>{html.escape(words)}</h4>")


def status(sentence):
    """A sentence as HTML that is also read out, "" for none."""
    if not sentence:
        return ""
    return f'<div role="status" style="line-height:1.35">{html.escape(sentence)}</div>'


def blocks(sentences):
    """Sentences "number: its meaning" as small blocks that wrap on a narrow page."""
    each = []
    for sentence in sentences:
        number, _, meaning = sentence.partition(": ")
        each.append(
            f"<div style='line-height:1.3'><b>{html.escape(number)}</b><br><small>{html.escape(meaning)}</small></div>"
        )
    return f"<div style='display:flex;flex-wrap:wrap;column-gap:1.4em;row-gap:0.4em'>{''.join(each)}</div>"
