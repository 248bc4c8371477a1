"""What every explorer is made of: controls, values that follow, panels, jobs, sheets and charts."""

from .arrangement import MESSAGE, Column, Pane
from .cells import State, derived
from .declared import (
    Background,
    Button,
    Buttons,
    Check,
    Choice,
    Control,
    Index,
    Number,
    Pages,
    Several,
    Slider,
    Steps,
    Switch,
    Text,
    Upload,
    on,
)
from .explorer import Explorer, answering
from .output import markup, panel, sentences, slow
from .play import Play

__all__ = [
    "MESSAGE",
    "Background",
    "Button",
    "Buttons",
    "Check",
    "Choice",
    "Column",
    "Control",
    "Explorer",
    "Index",
    "Number",
    "Pages",
    "Pane",
    "Play",
    "Several",
    "Slider",
    "State",
    "Steps",
    "Switch",
    "Text",
    "Upload",
    "answering",
    "derived",
    "markup",
    "on",
    "panel",
    "sentences",
    "slow",
]
