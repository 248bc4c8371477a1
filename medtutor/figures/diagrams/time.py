"""A recurrent network unrolled in time, and the LSTM's cell: lesson 04."""

from typing import Any

from torch import nn

from ...errors import InputError
from ...models.recurrent import Recurrent
from ..canvas import BLUE, GREEN, GREY, ORANGE, VERMILION
from ..drawing import QUIET, Sheet, shaped
from .shapes import Shape, image, shapes_of

FRAMES = 16


def _asked(model, size):
    """The model's shapes, and its recurrent layer, which reads in one direction."""
    if not isinstance(model.head, Recurrent) or model.head.both_ways:
        raise InputError("the diagram is of a network that reads forward in time; give one with the head gru or lstm")
    clip = image(model, size)[:, None].expand(-1, FRAMES, -1, -1, -1)
    return shapes_of(model, clip), model.head.recurrence


def rnn(model: Any, size: Shape) -> Sheet:
    """On the left the loop, on the right the same layer at each frame."""
    found, layer = _asked(model, size)
    frame, features = found["encoder:in"], found["encoder"]
    state, answer = found["head.recurrence"][-1:], found["head.answer"]
    kind = type(layer).__name__
    hand = "h,c_{%s}" if kind == "LSTM" else "h_{%s}"
    sheet = Sheet("A recurrent network, unrolled in time", 520)
    top, cell, coded, below = 120, 222, 312, 396

    sheet.text(95, 62, "the loop", bold=True, size=13)
    sheet.text(470, 62, "unrolled: the same weights at every frame", bold=True, size=13)
    looped = sheet.box(85, cell, 84, 50, [kind, "cell"], colour=BLUE, name="cell")
    sheet.arrow([looped.east, (150, cell), (150, cell - 52), (85, cell - 52), looped.north], BLUE)
    sheet.text(98, cell - 60, hand.replace("%s", "t−1"), anchor="start")
    taken = sheet.box(85, coded, 84, 40, ["x_{t}"], colour=ORANGE, name="x_{t}")
    sheet.arrow([taken.north, looped.south])
    sheet.text(192, cell + 6, "=", size=24)

    before: Any = None
    for x, number, last in ((262, "1", ""), (372, "2", "1"), (482, "3", "2"), (672, "T", "T−1")):
        picture = sheet.slab(x, below, (5, 44, 44), GREY, name=f"frame {number}", shape=frame)
        coder = sheet.box(x, coded, 92, 42, [f"x_{{{number}}}"], colour=ORANGE, shape=features)
        step = sheet.box(x, cell, 74, 50, [kind, "cell"], colour=BLUE, name=f"cell {number}")
        sheet.flow(picture, coder, [(x, picture.top - 2), coder.south], by="frame encoder")
        sheet.flow(coder, step)
        sheet.lines(x, below + 46, [f"frame {number}", shaped(frame)])
        if before is not None:
            start = step.left - 36
            if number == "T":
                sheet.text(578, cell + 4, "…", size=24)
                sheet.arrow([(before.right, cell - 8), (before.right + 36, cell - 8)], BLUE)
                sheet.text(before.right + 18, cell - 16, hand.replace("%s", "3"))
                sheet.arrow([(before.right + 36, cell + 12), (before.right, cell + 12)], VERMILION, dashed=True)
            by = hand.replace("%s", last)
            sheet.flow(before, step, [(start, cell - 8), (step.left, cell - 8)], by=by, colour=BLUE)
            sheet.arrow([(step.left, cell + 12), (start, cell + 12)], VERMILION, dashed=True)
            sheet.text(start + 18 - 6 * (number == "T"), cell - 16, by)
        before = step
    sheet.text(250, (picture.top + coded + 21) / 2 + 4, "frame encoder", anchor="end", colour=QUIET)
    end = sheet.box(672, top, 100, 42, ["answer"], colour=GREEN, shape=answer)
    sheet.flow(before, end, [(664, before.top), (664, end.bottom)], by=f"h_{{T}} ({state[0]}), linear layer")
    sheet.arrow([(682, end.bottom), (682, before.top)], VERMILION, dashed=True)
    sheet.text(654, (top + cell) / 2 + 2, f"h_{{T}}: {state[0]} → linear", anchor="end")
    sheet.line([(240, top), (280, top)], VERMILION, dashed=True)
    sheet.text(290, top + 4, "the gradient: backpropagation through time", anchor="start")
    sheet.tell(
        20,
        below + 92,
        [
            f"A plain RNN's cell: h_{{t}} = tanh(W x_{{t}} + U h_{{t−1}} + b), with x_{{t}}: {features[0]} numbers and"
            f" h_{{t}}: {state[0]}. The cell here: {kind}.",
            f"The gradient is multiplied by one factor at each step; here there are T = {found[':in'][0]} frames.",
        ],
    )
    return sheet


def lstm_cell(model: Any, size: Shape) -> Sheet:
    """The cell state runs along the top; three gates say what is kept, written and shown."""
    found, layer = _asked(model, size)
    if not isinstance(layer, nn.LSTM):
        raise InputError(f"the diagram is of an LSTM, not of a {type(layer).__name__}; give a model with the head lstm")
    features, state = found["encoder"], found["head.recurrence"][-1:]
    sheet = Sheet("One step of an LSTM: what is kept, what is written, what is shown", 528)
    memory, gates, line = 116, 234, 300
    sheet.frame(118, 72, 530, 256, GREY)

    old_c = sheet.box(56, memory, 76, 44, ["c_{t−1}"], colour=BLUE, shape=state, name="c_{t−1}")
    old_h = sheet.box(56, line, 76, 44, ["h_{t−1}"], colour=GREEN, shape=state, name="h_{t−1}")
    taken = sheet.box(166, 378, 76, 44, ["x_{t}"], colour=ORANGE, shape=features, name="x_{t}")
    new_c = sheet.box(708, memory, 76, 44, ["c_{t}"], colour=BLUE, shape=state, name="c_{t}")
    new_h = sheet.box(708, line, 76, 44, ["h_{t}"], colour=GREEN, shape=state, name="h_{t}")
    f, i, g, o = (
        sheet.box(x, gates, 90, 44, lines, colour=colour, name=f"{name} ({state[0]})")
        for x, lines, colour, name in (
            (216, ["forget gate", "f_{t}: σ"], VERMILION, "forget gate f_{t}"),
            (312, ["input gate", "i_{t}: σ"], VERMILION, "input gate i_{t}"),
            (408, ["candidate", "g_{t}: tanh"], GREY, "candidate g_{t}"),
            (504, ["output gate", "o_{t}: σ"], VERMILION, "output gate o_{t}"),
        )
    )
    keep = sheet.sign(216, memory, "×", "times f_{t}")
    write = sheet.sign(408, 172, "×", "times i_{t}")
    add = sheet.sign(408, memory, "+", "add to the cell state")
    squash = sheet.box(600, 176, 60, 32, ["tanh"], colour=GREY)
    show = sheet.sign(600, gates, "×", "times o_{t}")
    sheet.line([old_h.east, (504, line)], width=2)
    sheet.line([taken.north, (166, line)], width=2)
    for gate in (f, i, g, o):
        sheet.arrow([(gate.x, line), gate.south])
    for start in (old_h, taken):
        sheet.told(start, f, by="as to all four gates")
    sheet.flow(old_c, keep, colour=BLUE)
    sheet.flow(f, keep)
    sheet.flow(keep, add, colour=BLUE)
    sheet.flow(i, write, [i.north, (312, 172), write.west])
    sheet.flow(g, write)
    sheet.flow(write, add)
    sheet.flow(add, new_c, colour=BLUE)
    sheet.flow(new_c, squash, [(600, memory), squash.north])
    sheet.flow(squash, show)
    sheet.flow(o, show)
    sheet.flow(show, new_h, [show.south, (600, line), new_h.west], colour=GREEN)
    sheet.text(508, memory - 10, "cell state: only × and +")
    whole = [shaped(weight.shape) for weight in model.head.recurrence.all_weights[0][:2]]
    each = [shaped((state[0], into[0])) for into in (features, state)]
    formulas = [
        ("f_{t} = σ(W_{f} x_{t} + U_{f} h_{t−1} + b_{f})", "g_{t} = tanh(W_{g} x_{t} + U_{g} h_{t−1} + b_{g})"),
        ("i_{t} = σ(W_{i} x_{t} + U_{i} h_{t−1} + b_{i})", "o_{t} = σ(W_{o} x_{t} + U_{o} h_{t−1} + b_{o})"),
        ("c_{t} = f_{t} ⊙ c_{t−1} + i_{t} ⊙ g_{t}", "h_{t} = o_{t} ⊙ tanh(c_{t})"),
    ]
    for number, (first, second) in enumerate(formulas):
        sheet.tell(250, 366 + 24 * number, [first], size=14)
        sheet.tell(492, 366 + 24 * number, [second], size=14)
    sheet.tell(
        20,
        456,
        [
            f"Each W is {each[0]} and each U {each[1]}; torch stacks the four: {whole[0]} and {whole[1]}.",
            "σ is between 0 and 1, tanh between −1 and 1; ⊙ multiplies element by element. Along the cell state,",
            "the gradient of c_{t} with respect to c_{t−1} is f_{t}; it survives many steps"
            " only where f_{t} is near 1.",
        ],
    )
    sheet.text(
        20,
        510,
        "Blue: the cell state c. Green: the hidden state h, which is what other layers see.",
        anchor="start",
        colour=QUIET,
    )
    return sheet
