"""The attention explorer: where does a transformer look, block by block and head by head?

Every patch of an image gathers numbers from all patches, and how much it takes from
which is written in the attention weights. Here one of them is chosen, or the answer
itself, and its looks lie over the image: of each head, of their mean, and multiplied
through the blocks. A CNN, which can feel no pixel beyond its receptive field, stands
beside it for contrast.
"""

import html

import ipywidgets
import numpy as np
import torch.nn.functional as F

from ..data.card import SPLITS
from ..errors import InputError, unknown
from ..explanation import attention_of, layers, receptive_field
from ..explanation.attention import ANSWER, enlarged, is_transformer
from ..explanation.subject import Subject
from ..models.vit import WindowedViT
from ..training.prediction import predict_logits
from ..training.run import Run
from ..widgets import drawing
from ..widgets.controls import buttons, choice, column, heading, slider, status
from ..widgets.drawing import GAP, SCALE
from ..widgets.explorer import Explorer, answering
from ..widgets.recent import Recent
from . import attention_panels as panels
from .attention_panels import SHEET
from .cases import case_of, own_dataset

PATCH, THE_ANSWER = "a patch", "the answer"
OVER, ALONE = "over the image", "alone"
ONE, EACH = "one for all heads", "each map its own"
MEAN, ROLLOUT, TO_ANSWER = "mean of heads", "rollout from there", "rollout to the answer"
CLICKABLE = 256  # patches of an image up to which each gets a button

CAUTION = (
    "Attention shows where numbers came from, not what they said, nor whether they decided anything: a look at the"
    " finding does not prove that the finding was the reason. From the second block on, a token holds what it has"
    " gathered from others, not only its own patch. Whether a map explains is tested by deletion and by random weights,"
    " as for any other: in the explorer of attributions, method 'attention rollout'."
)
ABOUT_ROLLOUT = (
    "Rollout: the mean of heads, multiplied through the blocks; half of every step is 'stays where it is', so the patch"
    " itself stays strong. Each rollout has a colour scale of its own, full at the share printed below it."
)


def attention(run, dataset=None, cnn=None, split="test"):
    """The explorer of a transformer's attention: an `AttentionExplorer`, shown by a notebook as a widget.

    run      a finished `Run` of "vit", "windowed_vit" or "hybrid", or of a model of your own with `attention` and
             `grid`
    dataset  the `Dataset` that it was trained on; left out: loaded by the name on the run's card
    cnn      a `Run` of a CNN on images of the same size, whose receptive field is shown for contrast
    split    "train", "val" or "test": whose images are looked at

    Raises `InputError` for a model without attention, volumes, sequences, a data set that is not
    the run's own, and a CNN for other images or without feature maps.
    """
    return AttentionExplorer(run, dataset, cnn, split)


def on_evidence(seen, evidence, covers=None):
    """The share of a map (rows, columns) that falls on the evidence, bool (H, W): 0…1.

    What a patch gets counts as spread evenly over its pixels. What goes to a class token is
    no part of a map, so the share is of what goes to patches. `covers` as of `AttentionWeights`.
    """
    height, width = evidence.shape
    down, across = covers or evidence.shape
    whole = F.pad(evidence.float(), (0, across - width, 0, down - height))
    covered = F.adaptive_avg_pool2d(whole[None, None], seen.shape)[0, 0]
    return float((seen * covered).sum() / seen.sum().clamp(min=1e-12))


class AttentionExplorer(Explorer):
    """An image, a query in it, and where the query looks.

    image, previous, next  whose attention; numbers in the split, from 0
    asked                  ToggleButtons: whether a patch looks, or the answer
    row, column            IntSliders from 1: the patch
    patches                a Button for each patch, row by row, over the image: for the mouse; none where
                           there are more than `CLICKABLE`, or where ipywidgets (7) cannot keep them out of the way of
                           Tab
    block                  IntSlider from 1
    shown, scale           ToggleButtons: maps over the image or alone, on one colour scale or each on its own
    layer                  Dropdown: layer of the CNN

    weights                the `AttentionWeights` of the image
    query                  (row, column) from 0, or "answer"
    maps                   {title: float32 (rows, columns)}: head 1…, mean of heads, and the two rollouts;
                           the share of the attention that each patch gets
    field                  float32 (H, W), 0…1: the CNN's receptive field at the same place; None without a
                           CNN, and for the answer
    """

    def __init__(self, run, dataset=None, cnn=None, split="test"):
        super().__init__()
        self._dataset = _checked(run, dataset, cnn, split)
        self._run, self._cnn, self._split, self._card = run, cnn, split, run.card
        self._phantom = self._dataset.is_phantom or run.provenance == "phantom"
        self._window = run.model.multiple if isinstance(run.model, WindowedViT) else None
        self._felt, self._fields = None if cnn is None else Subject.of(cnn), Recent()
        self._title = f"{_named(run)} on {self._dataset.title}, {split} split"
        self._look_at(0)
        self._make_controls()
        self._arrange()
        self._listen()
        self._draw_image()
        self._draw_chart()
        self._draw_maps()

    @property
    def query(self):
        return ANSWER if self.asked.value == THE_ANSWER else (self.row.value - 1, self.column.value - 1)

    def _composed(self):
        image, width = self._image_sheet, SHEET - GAP - self._image_sheet.width / SCALE
        sheet = drawing.below(
            drawing.written([f"{self._title}."], SHEET),
            drawing.beside(drawing.blank(GAP, 1), image, drawing.written([*self._sentences(), "", CAUTION], width)),
            self._map_sheet,
            drawing.beside(
                self._chart_sheet, drawing.written([ABOUT_ROLLOUT], SHEET - self._chart_sheet.width / SCALE)
            ),
        )
        alt = f"{self._title}. {self._image_alt} {' '.join(self._sentences())} {self._map_alt} {self._chart_alt}"
        return sheet, alt

    # The controls -----------------------------------------------------------------------------

    def _make_controls(self):
        rows, columns = self._inside
        self.image = ipywidgets.BoundedIntText(
            value=0,
            min=0,
            max=len(getattr(self._dataset, self._split)) - 1,
            description="image",
            layout={"width": "12em"},
            style={"description_width": "6em"},
        )
        self.previous = ipywidgets.Button(description="previous", icon="arrow-left", layout={"width": "7em"})
        self.next = ipywidgets.Button(description="next", icon="arrow-right", layout={"width": "7em"})
        self.asked = buttons("who looks", [PATCH, THE_ANSWER])
        self.row = slider("row", (rows + 1) // 2, 1, rows, 1, "of the patch, from above")
        self.column = slider("column", (columns + 1) // 2, 1, columns, 1, "of the patch, from the left")
        self.block = slider(
            "block", self.weights.blocks, 1, self.weights.blocks, 1, "of the transformer, in the order of its work"
        )
        self.shown = buttons("maps", [OVER, ALONE])
        self.scale = buttons("colour scale", [ONE, EACH])
        maps = {} if self._cnn is None else _stages(layers(self._felt))
        options = [(f"{name} ({_sides(shape)})", name) for name, shape in maps.items()] or [("none", "")]
        self._layers = {name: shape[1:] for name, shape in maps.items()}
        self.layer = choice("CNN layer", options, options[-1][1])
        self.layer.layout.display = None if maps else "none"
        self.patches = self._patch_buttons()

    def _patch_buttons(self):
        """Invisible buttons, one for each patch; they have names, and Tab passes them by: the sliders do the same."""
        rows, columns = self._inside
        if rows * columns > CLICKABLE or not ipywidgets.Button.class_traits().get("tabbable"):
            return []
        look = ipywidgets.Layout(width="auto", height="auto", min_width="0", margin="0", padding="0", border="none")
        style = ipywidgets.ButtonStyle(button_color="transparent", text_color="transparent", font_size="0")
        made = []
        for number in range(rows * columns):
            place = divmod(number, columns)
            button = ipywidgets.Button(
                description=_place(place), tooltip=_place(place), tabbable=False, layout=look, style=style
            )
            self._on(button, self._clicked, place)
            made.append(button)
        return made

    def _arrange(self):
        self._map_shown, self._chart_shown, self._words = (
            ipywidgets.HTML(layout={"max_width": "100%"}) for _ in range(3)
        )
        for control in (self.shown, self.scale, self.asked):
            control.layout.width = "auto"
        who = self.asked, self.row, self.column, self.block
        line = ipywidgets.Layout(flex_flow="row wrap", align_items="center", width="98%", max_width="880px")
        high = ipywidgets.Layout(flex_flow="row wrap", align_items="flex-start", width="98%", max_width="880px")
        self.box.children = (
            ipywidgets.HTML(f"<h3 style='margin:0'>Where does it look?</h3>{html.escape(self._title)}"),
            ipywidgets.HBox([self.image, self.previous, self.next], layout=line),
            self.message,
            ipywidgets.HBox([self._image_with_buttons(), column("400px", *who, self._words)], layout=high),
            heading("What it looks at"),
            ipywidgets.HBox([self.shown, self.scale, self.layer], layout=line),
            self._map_shown,
            ipywidgets.HTML(_small(CAUTION), layout={"max_width": "880px"}),
            heading("How far the heads look"),
            ipywidgets.HBox([self._chart_shown, column("260px", ipywidgets.HTML(_small(ABOUT_ROLLOUT)))], layout=high),
            self.keys,
        )

    def _image_with_buttons(self):
        """The image, and the buttons of its patches in the same cell of a grid."""
        width, height = (side / SCALE for side in panels.large(self._pixels).size)
        self._image_shown = ipywidgets.HTML(layout={"width": f"{width:.0f}px", "margin": "0", "grid_area": "image"})
        both = [self._image_shown]
        if self.patches:
            down, across = (" ".join(f"{length:g}fr" for length in self._lengths(axis)) for axis in (0, 1))
            over = ipywidgets.Layout(
                width=f"{width:.0f}px",
                height=f"{height:.0f}px",
                grid_area="image",
                grid_gap="0",
                margin="0",
                grid_template_rows=down,
                grid_template_columns=across,
            )
            both.append(ipywidgets.GridBox(self.patches, layout=over))
        return ipywidgets.GridBox(
            both, layout=ipywidgets.Layout(grid_template_areas='"image"', margin="4px 12px 4px 4px")
        )

    def _listen(self):
        self._on(self.image, self._other_image)
        self._on(self.previous, self._step, -1)
        self._on(self.next, self._step, +1)
        self._on(self.asked, self._other_query)
        for control in (self.row, self.column):
            self._on(control, self._other_patch)
        self._on(self.block, self._other_block)
        for control in (self.shown, self.scale, self.layer):
            self._on(control, self._other_look)

    # What the user did ------------------------------------------------------------------------

    def _step(self, by):
        self.image.value = (self.image.value + by) % (self.image.max + 1)

    @answering
    def _other_image(self, _):
        self._look_at(self.image.value)
        self._draw_image()
        self._draw_chart()
        self._draw_maps()

    @answering
    def _other_query(self, _):
        self._draw_image()
        self._draw_maps()

    @answering
    def _other_patch(self, _):
        self._set(self.asked, value=PATCH)
        self._draw_image()
        self._draw_maps()

    @answering
    def _clicked(self, place):
        self._set(self.row, value=place[0] + 1)
        self._set(self.column, value=place[1] + 1)
        self._other_patch(None)

    @answering
    def _other_block(self, _):
        self._draw_chart()
        self._draw_maps()

    @answering
    def _other_look(self, _):
        self._draw_maps()

    # The state --------------------------------------------------------------------------------

    def _look_at(self, number):
        """The image of that number, its attention and its answer; what goes wrong leaves the one before."""
        case = case_of(self._dataset, self._split, number)
        weights = attention_of(self._run, case.image)
        self._number, self._case, self.weights = number, case, weights
        self._answer = self._run.read(predict_logits(self._run.model, case.image[None]))[0].tolist()
        self._pixels = drawing.flat(case.image[None])[0]
        self._evidence = case.evidence if case.evidence is not None and bool(case.evidence.any()) else None
        self._dashes = None if self._evidence is None else panels.dashes(self._evidence.numpy())
        self._distances, self._even = weights.distances().numpy(), weights.even_distance()

    def _take_maps(self):
        """The maps of the present query and block, and the field of the CNN."""
        block, query, weights = self.block.value - 1, self.query, self.weights
        heads = {f"head {head + 1}": weights.seen_from(query, block, head) for head in range(weights.heads)}
        mean, rollout, to_answer = weights.seen_from(query, block), weights.rollout(query, block + 1), weights.rollout()
        self.maps = {**heads, MEAN: mean, ROLLOUT: rollout, TO_ANSWER: to_answer}
        self.field = None
        if self._cnn is not None and query != ANSWER:
            key = self.layer.value, self._unit
            self.field = self._fields.get(key)
            if self.field is None:  # it is the same for every image
                field = receptive_field(self._felt, self._unit, self.layer.value)
                self.field = self._fields.keep(key, field, field.nbytes)

    @property
    def _covers(self):
        return self.weights.covers or self.weights.shape

    def _lengths(self, axis):
        """Pixels of each patch along an axis, as far as they lie in the image: the last may reach beyond it, others lie
        beyond.
        """
        side, patch = self.weights.shape[axis], self._covers[axis] / self.weights.grid[axis]
        left = (side - number * patch for number in range(self.weights.grid[axis]))
        return [min(patch, length) for length in left if length > 1e-6]

    @property
    def _inside(self):
        """(rows, columns) of patches that show something of the image."""
        return len(self._lengths(0)), len(self._lengths(1))

    @property
    def _unit(self):
        """The place on the CNN's map that lies where the middle of the patch is."""
        top, left, bottom, right = panels.square(self.query, self.weights.grid, self._covers, self._card.shape)
        middle = (top + bottom) / 2, (left + right) / 2
        return tuple(
            int(at / side * there) for at, side, there in zip(middle, self._card.shape, self._layers[self.layer.value])
        )

    @property
    def _even_share(self):
        """What each place would get of an even look: of a window only those inside."""
        if self._window is not None and self.query != ANSWER:
            return 1 / int((self.maps[MEAN] > 0).sum())
        return 1 / self.weights.weights.shape[-1]

    # Words ------------------------------------------------------------------------------------

    @property
    def _looker(self):
        if self.query != ANSWER:
            return f"the patch in {_place(self.query)}"
        return f"the answer ({'the class token' if self.weights.class_token else 'the mean over all tokens'})"

    def _sentences(self):
        return [self._said(), self._looks(), *self._on_evidence(), *self._about_window(), *self._beyond()]

    def _said(self):
        """What is predicted, and the label."""
        task, classes, name = self._card.task, self._card.classes, f"Image {self._number}"
        if task == "regression":
            label = float(getattr(self._dataset, self._split).labels[self._number])
            return f"{name}: predicted {self._answer[0]:.3g}; the label is {label:.3g}."
        if task == "multi-label":
            called = [number for number, value in enumerate(self._answer) if value > 0.5] or [
                int(np.argmax(self._answer))
            ]
            each = ", ".join(f"{classes[number]} with probability {self._answer[number]:.3f}" for number in called)
            labels = ", ".join(classes[number] for number in self._case.label) or "none"
            return f"{name}: predicted {each}; the labels are: {labels}."
        best = int(np.argmax(self._answer))
        wrong = "" if best == self._case.label else ": the model is wrong"
        return (
            f"{name}: predicted {classes[best]} with probability {self._answer[best]:.3f}; "
            f"the label is {classes[self._case.label]}{wrong}."
        )

    def _looks(self):
        """Where the query looks most."""
        mean, block = self.maps[MEAN], self.block.value
        heads = {title: seen for title, seen in self.maps.items() if title.startswith("head")}
        sharpest = max(heads, key=lambda title: float(heads[title].max()))
        spot, share = _most(mean)
        words = (
            f"In block {block} {self._looker} looks most at {_place(spot)}: {share:.1%} of its attention, mean of"
            f" heads; an even look would give {self._even_share:.1%} to each. The sharpest look is that of {sharpest},"
            f" {_most(heads[sharpest])[1]:.1%} at {_place(_most(heads[sharpest])[0])}."
        )
        if self.weights.class_token:
            words += f" {1 - float(mean.sum()):.1%} goes to the class token, which is no place."
        return words

    def _on_evidence(self):
        """How much of the attention falls on the evidence, where it is known."""
        if self._case.evidence is None:
            return []
        if self._evidence is None:
            return ["This image holds no known evidence."]
        cover = float(self._evidence.float().mean())
        here, whole = (on_evidence(self.maps[title], self._evidence, self._covers) for title in (MEAN, TO_ANSWER))
        return [
            f"On the known evidence (dashed), which covers {cover:.1%} of the image, falls {here:.1%} of this look,"
            f" {here / cover:.1f} times its share, and {whole:.1%} of the rollout to the answer, {whole / cover:.1f}"
            " times."
        ]

    def _about_window(self):
        """What a window keeps out of sight."""
        if self._window is None:
            return []
        side, mean = f"{self._window} x {self._window} tokens", self.maps[MEAN]
        if self.query == ANSWER:
            return [f"No token looks beyond its window of {side}; the mean over all tokens covers every window."]
        if mean.all():
            return [f"A window of {side} holds every place: there is nothing outside of it."]
        return [
            f"This model looks inside windows of {side} only: outside the window of the patch, in this block"
            f" {int((mean == 0).sum())} of {mean.numel()} places, every weight is exactly 0. Every second block moves"
            " the windows, so a rollout through several blocks goes beyond."
        ]

    def _beyond(self):
        """What goes to patches with nothing of the image in them."""
        mean, (rows, columns) = self.maps[MEAN], self._inside
        if (rows, columns) == tuple(mean.shape):
            return []
        share = 1 - float(mean[:rows, :columns].sum() / mean.sum())
        return [
            f"The grid has {_sides(mean.shape)} patches; {share:.1%} of this look goes to those beyond the image, all"
            " black."
        ]

    # Pictures ---------------------------------------------------------------------------------

    def _draw_image(self):
        self._image_sheet = self._marked(panels.large(self._pixels))
        framed = (
            f"the patch in {_place(self.query)} is framed"
            if self.query != ANSWER
            else "the answer looks, no patch is framed"
        )
        evidence = " The known evidence has a dashed outline." if self._evidence is not None else ""
        self._image_alt = (
            f"Image {self._number} of the {self._split} split in {_sides(self._inside)} patches; {framed}.{evidence}"
        )
        self._put(self._image_shown, self._image_sheet, self._image_alt)

    def _draw_maps(self):
        self._take_maps()
        self._map_sheet, self._map_alt = self._pictured()
        self._put(self._map_shown, self._map_sheet, self._map_alt)
        self._words.value = "".join(map(status, self._sentences()))

    def _pictured(self):
        """The maps with their colour scale as a sheet, and its alt text."""
        block, last = self.block.value, self.weights.blocks
        rollouts = {
            ROLLOUT: f"{ROLLOUT if self.query != ANSWER else TO_ANSWER}, blocks 1 to {block}",
            TO_ANSWER: f"{TO_ANSWER}, blocks 1 to {last}",
        }
        full = {title: float(seen.max().clamp(min=1e-12)) for title, seen in self.maps.items()}
        heads = [title for title in self.maps if title not in rollouts]
        if self.scale.value == ONE:
            full |= dict.fromkeys(heads, max(full[title] for title in heads))
        names = {title: rollouts.get(title, title) for title in self.maps}
        captions = {title: self._caption(title) for title in self.maps}
        pixels = {
            title: enlarged(seen, self._card.shape, self._covers) / full[title] for title, seen in self.maps.items()
        }
        made = {
            title: panels.panel(self._tile(pixels[title]), _capital(names[title]), captions[title]) for title in pixels
        }
        end = f"{full[MEAN]:.1%}" if self.scale.value == ONE else "the highest of each"
        field, about_field = self._field_panel()
        legend = panels.legend(
            end,
            "The colours of heads and mean, in shares of the attention.",
            f"An even look gives {self._even_share:.1%} to each.",
            "Below each map: where it is highest.",
        )
        title = f"Block {block} of {last}: where {self._looker} looks"
        sheet = drawing.below(
            drawing.written([title], SHEET),
            *panels.rows([made[name] for name in heads]),
            *panels.rows([*(made[name] for name in rollouts), *field, legend]),
        )
        words = "; ".join(f"{names[name]}, {caption}" for name, caption in captions.items())
        alt = (
            f"{title}. Maps {self.shown.value}; of each the highest place and the share of attention there: {words}. "
            f"Full colour of heads and mean: {end}.{about_field}"
        )
        return sheet, alt

    def _caption(self, title):
        spot, share = _most(self.maps[title])
        if self._evidence is None:
            return f"{_place(spot)}: {share:.1%}"
        return (
            f"{_place(spot)}: {share:.1%}; {on_evidence(self.maps[title], self._evidence, self._covers):.1%} on the"
            " evidence"
        )

    def _field_panel(self):
        """([panel], words for the alt text) of the CNN's receptive field; ([], "") without a CNN."""
        if self._cnn is None:
            return [], ""
        title = f"Receptive field of {_named(self._cnn)}, {self.layer.value}"
        if self.field is None:
            words = "The answer is made of every place of the map. Choose a patch to see what one place can feel."
            return [panels.panel(panels.words(words), title, "")], f" {title}: {words}"
        strongest = self.field.flatten().sort(descending=True).values.cumsum(0)
        half = (1 + int((strongest < strongest[-1] / 2).sum())) / len(strongest)
        caption = (
            f"{float((self.field > 0).float().mean()):.0%} of the pixels reach it; half the effect from {half:.1%}"
        )
        unit = panels.square(self._unit, self._layers[self.layer.value], self._card.shape, self._card.shape)
        return [panels.panel(self._tile(self.field, unit), title, caption)], f" {title}, at the same place: {caption}."

    def _tile(self, values, unit=None):
        """Shares of the full colour, (H, W), as a tile: over the image or alone."""
        return self._marked(panels.coloured(values.numpy(), self._pixels if self.shown.value == OVER else None), unit)

    def _marked(self, tile, unit=None):
        """A tile with the outline of the evidence, and the frame of the patch; or of a `unit`, (top, left, bottom,
        right).
        """
        if self._dashes is not None:
            panels.put_dashes(tile, self._dashes)
        if self.query != ANSWER:
            square = unit or panels.square(self.query, self.weights.grid, self._covers, self._card.shape)
            tile = panels.framed(tile, self._card.shape, square)
        return tile

    def _draw_chart(self):
        block = self.block.value
        self._chart_sheet = panels.distances(self._distances, self._even, block - 1)
        heads = [", ".join(f"{value:.1f}" for value in sorted(found)) for found in self._distances]
        each = "; ".join(f"block {number}: {found}" for number, found in enumerate(heads, 1))
        self._chart_alt = (
            f"Mean attention distance in pixels, a dot for each head: {each}. "
            f"An even look: {self._even:.1f}. Block {block} is marked."
        )
        self._put(self._chart_shown, self._chart_sheet, self._chart_alt)


def _checked(run, dataset, cnn, split):
    """The data set of the run; or an `InputError`."""
    for name, given in (("run", run), *((("cnn", cnn),) if cnn is not None else ())):
        if not isinstance(given, Run):
            raise InputError(f"{name} is {type(given).__name__}; attention takes a Run: train one with fit(…)")
    if split not in SPLITS:
        raise unknown("split", split, list(SPLITS))
    if run.card.frames or run.card.dims == 3:
        what = "sequences" if run.card.frames else "volumes"
        raise InputError(f"the run is about {what}; the attention explorer shows images only")
    if not is_transformer(run):
        raise InputError(f"{_named(run)} has no attention to look at; give a run of 'vit', 'windowed_vit' or 'hybrid'")
    if cnn is not None:
        ours, theirs = (_sides((one.card.channels, *one.card.shape)) for one in (run, cnn))
        if ours != theirs or cnn.card.frames:
            raise InputError(
                f"the cnn takes images of {theirs}, the transformer of {ours}; give one for images of the same size"
            )
        if is_transformer(cnn) or not layers(cnn):
            raise InputError(
                f"{_named(cnn)} is no CNN with feature maps, so there is no receptive field to show; give a run of"
                " 'cnn'"
            )
    return own_dataset(run, dataset)


def _named(run):
    return getattr(run.model, "name", None) or type(run.model).__name__


def _sides(sides):
    return " x ".join(map(str, sides))


def _small(words):
    return f"<div style='line-height:1.35'><small>{html.escape(words)}</small></div>"


def _place(place):
    """A place of the grid in words, counted from 1."""
    return f"row {place[0] + 1}, column {place[1] + 1}"


def _most(seen):
    """((row, column), share): where a map is highest."""
    return divmod(int(seen.argmax()), seen.shape[1]), float(seen.max())


def _capital(words):
    return words[0].upper() + words[1:]


def _stages(maps):
    """Of a network's feature maps, {name: shape}, those that no larger part of it gives as well."""

    def is_part(name):
        return any(name.startswith(f"{other}.") and maps[name] == maps[other] for other in maps)

    return {name: shape for name, shape in maps.items() if not is_part(name)}
