"""What every explorer is made of: controls, values that follow, panels, jobs, sheets and charts."""

from .arrangement import MESSAGE, Column
from .cells import State, derived
from .declared import (
    Background,
    Button,
    Buttons,
    Check,
    Choice,
    Control,
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
    "Number",
    "Pages",
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
