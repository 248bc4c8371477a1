"""The attention explorer: where does a transformer look, block by block and head by head?

Every patch of an image gathers numbers from all patches, and how much it takes from
which is written in the attention weights. Here one of them is chosen, or the answer
itself, and its looks lie over the image: of each head, of their mean, and multiplied
through the blocks. A CNN, which can feel no pixel beyond its receptive field, stands
beside it for contrast.
"""

import ipywidgets

from ..data.dataset import Dataset
from ..explanation import attention_of, layers, receptive_field
from ..explanation.attention import ANSWER, enlarged
from ..explanation.subject import Subject
from ..models.vit import WindowedViT
from ..training.prediction import predict_logits
from ..training.run import Run
from ..widgets import (
    MESSAGE,
    Button,
    Buttons,
    Choice,
    Column,
    Explorer,
    Index,
    Slider,
    derived,
    drawing,
    markup,
    on,
    panel,
)
from ..widgets.output import sentences
from ..widgets.recent import Recent
from . import attention_panels as panels
from .attention_look import MEAN, ROLLOUT, TO_ANSWER, Look, predicted
from .attention_panels import SHEET
from .attention_parts import Patches, checked, lengths, named, place, sides, stages, under
from .cases import case_of
from .sentences import lesson_of

PATCH, THE_ANSWER = "a patch", "the answer"
OVER, ALONE = "over the image", "alone"
ONE, EACH = "one for all heads", "each map its own"
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


def attention(
    run: Run, dataset: Dataset | None = None, cnn: Run | None = None, split: str = "val"
) -> "AttentionExplorer":
    """The explorer of a transformer's attention: an `AttentionExplorer`, shown by a notebook as a widget.

    run      a finished `Run` of "vit", "windowed_vit" or "hybrid", or of a model of your own with `attention` and
             `grid`
    dataset  the `Dataset` that it was trained on; left out: loaded by the name on the run's card
    cnn      a `Run` of a CNN on images of the same size, whose receptive field is shown for contrast
    split    "train", "val" or "test": whose images are looked at

    Raises `InputError` for a model without attention, volumes, sequences, a data set that is not
    the run's own, and a CNN for other images or without feature maps.

    >>> import medtutor as mt
    >>> from medtutor.data import phantoms
    >>> from medtutor.explorers import attention
    >>> xray = phantoms.draw(mt.data.card("pneumoniamnist"), {"train": 20, "val": 10, "test": 10})
    >>> model = mt.build("vit", xray, width=16, depth=2, heads=2)
    >>> run = mt.fit(model, xray, mt.Recipe(epochs=1), progress=False)
    >>> explorer = attention(run, xray)
    >>> explorer.row.value, explorer.block.value = 2, 1
    >>> explorer.query  # the patch that looks: row and column from 0
    (1, 3)
    >>> explorer.maps["mean of heads"].shape  # of 7 x 7 patches
    torch.Size([7, 7])
    """
    return AttentionExplorer(run, dataset, cnn, split)


class AttentionExplorer(Explorer):
    """An image, a query in it, and where the query looks.

    image, previous, next  whose attention; the value is an index of the split, from 0
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

    heading, width = "Where does it look?", "880px"

    image = Index("image", lambda self: self._count, meaning="its number in the split", label="6em")
    previous = Button("previous", icon="arrow-left", meaning="the image before", width="7em")
    next = Button("next", icon="arrow-right", meaning="the image after", width="7em")
    row = Slider(
        "row", 1, lambda self: self._inside[0], start=lambda self: self._middle[0], meaning="of the patch, from above"
    )
    column = Slider(
        "column", 1, lambda self: self._inside[1], start=lambda self: self._middle[1], meaning="of it, from the left"
    )
    # Below what presses it: in this order `copy as code` brings them back.
    asked = Buttons(
        "who looks", [PATCH, THE_ANSWER], meaning="one patch, or what the answer is read from", width="auto"
    )
    block = Slider(
        "block", 1, lambda self: self._blocks, start=lambda self: self._blocks, meaning="in the order of its work"
    )
    shown = Buttons("maps", [OVER, ALONE], meaning="what lies under the colours", width="auto")
    scale = Buttons("colour scale", [ONE, EACH], meaning="which share of the attention has full colour", width="auto")
    layer = Choice(
        "CNN layer",
        lambda self: [(f"{name} ({sides(shape)})", name) for name, shape in self._layers.items()] or [("none", "")],
        start=lambda self: [*self._layers, ""][len(self._layers) - 1],
        visible=lambda self: self._cnn is not None,
        meaning="whose receptive field is shown",
    )
    patches = Patches(lambda self: self._inside if self._clickable else (0, 0))

    def __init__(self, run, dataset=None, cnn=None, split="val"):
        self._dataset = checked(run, dataset, cnn, split)
        self._run, self._cnn, self._split, self._card = run, cnn, split, run.card
        self._phantom = self._dataset.is_phantom or run.provenance == "phantom"
        self._window = run.model.multiple if isinstance(run.model, WindowedViT) else None
        self._felt, self._fields = None if cnn is None else Subject.of(cnn), Recent()
        self._layers = {} if cnn is None else stages(layers(self._felt))
        self._count = len(getattr(self._dataset, split))
        first = attention_of(run, case_of(self._dataset, split, 0).image)  # blocks and patches are those of all images
        self._first = [first]  # until it is shown
        self._blocks, self._covers = first.blocks, first.covers or first.shape
        self._lengths = [lengths(*each) for each in zip(first.shape, self._covers, first.grid)]
        self._inside = tuple(map(len, self._lengths))  # rows and columns that show something of the image
        self._middle = [(count + 1) // 2 for count in self._inside]
        count = self._inside[0] * self._inside[1]
        self._clickable = count <= CLICKABLE and bool(ipywidgets.Button.class_traits().get("tabbable"))
        self._title = f"{named(run)} on {self._dataset.title}, {split} split"
        given = "run, dataset" if cnn is None else "run, dataset, cnn"
        self.call = f'attention({given}, split="{split}")'
        super().__init__()

    @on(previous, -1)
    @on(next, +1)
    def _step(self, by):
        self.image.value = (self.image.value + by) % self._count

    @on(row)
    @on(column)
    def _choose_patch(self):
        self._set(self.asked, value=PATCH)

    @on(patches)
    def _click(self, number):
        row, column = divmod(number, self._inside[1])
        self._set(self.row, value=row + 1)
        self._set(self.column, value=column + 1)
        self._choose_patch()

    # What follows from the controls ---------------------------------------------------------

    @property
    def query(self):
        return ANSWER if self.asked.value == THE_ANSWER else (self.row.value - 1, self.column.value - 1)

    @derived
    def _case(self):
        return case_of(self._dataset, self._split, self.image.value)

    @derived
    def weights(self):
        if self._first and self.image.value == 0:
            return self._first.pop()
        return attention_of(self._run, self._case.image)

    @derived
    def _answer(self):
        return self._run.read(predict_logits(self._run.model, self._case.image[None]))[0].tolist()

    @derived
    def _pixels(self):
        return drawing.flat(self._case.image[None])[0]

    @derived
    def _dashes(self):
        """The outline of the evidence; None where there is none, or none known."""
        evidence = self._case.evidence
        return panels.dashes(evidence.numpy()) if evidence is not None and bool(evidence.any()) else None

    @derived
    def _distances(self):
        return self.weights.distances().numpy(), self.weights.even_distance()

    @derived
    def _look(self):
        evidence = self._case.evidence
        return Look(self.weights, self.query, self.block.value, evidence, self._window, self._inside)

    @property
    def maps(self):
        return self._look.maps

    @derived
    def _square(self):
        """The patch in pixels of the image: (top, left, bottom, right)."""
        return panels.square(self.query, self.weights.grid, self._covers, self._card.shape)

    @derived
    def _unit(self):
        """The place on the CNN's map that lies where the middle of the patch is."""
        top, left, bottom, right = self._square
        middle, there = ((top + bottom) / 2, (left + right) / 2), self._layers[self.layer.value][1:]
        return tuple(int(at / side * count) for at, side, count in zip(middle, self._card.shape, there))

    @derived
    def field(self):
        if self._cnn is None or self.query == ANSWER:
            return None
        key = self.layer.value, self._unit
        field = self._fields.get(key)
        if field is None:  # it is the same for every image
            field = receptive_field(self._felt, self._unit, self.layer.value)
            self._fields.keep(key, field, field.nbytes)
        return field

    # Pictures -------------------------------------------------------------------------------

    @under(patches)
    def _image_shown(self):
        framed = (
            f"the patch in {place(self.query)} is framed"
            if self.query != ANSWER
            else "the answer looks, no patch is framed"
        )
        evidence = " The known evidence has a dashed outline." if self._dashes is not None else ""
        return self._marked(panels.large(self._pixels)), (
            f"Image {self.image.value + 1} of the {self._split} split in {sides(self._inside)} patches;"
            f" {framed}.{evidence}"
        )

    @panel
    def _chart_shown(self):
        block, (found, even) = self.block.value, self._distances
        heads = [", ".join(f"{value:.1f}" for value in sorted(each)) for each in found]
        each = "; ".join(f"block {number}: {words}" for number, words in enumerate(heads, 1))
        return panels.distances(found, even, block - 1), (
            f"Mean attention distance in pixels, a dot for each head: {each}. "
            f"An even look: {even:.1f}. Block {block} is marked."
        )

    @panel
    def _map_shown(self):
        return self._pictured()

    def _pictured(self):
        """The maps with their colour scale as a sheet, and its alt text."""
        block, last = self.block.value, self._blocks
        names = {title: title for title in self.maps} | {
            ROLLOUT: f"{ROLLOUT if self.query != ANSWER else TO_ANSWER}, blocks 1 to {block}",
            TO_ANSWER: f"{TO_ANSWER}, blocks 1 to {last}",
        }
        full = {title: float(seen.max().clamp(min=1e-12)) for title, seen in self.maps.items()}
        heads = [title for title in self.maps if title not in (ROLLOUT, TO_ANSWER)]
        if self.scale.value == ONE:
            full |= dict.fromkeys(heads, max(full[title] for title in heads))
        captions = {title: self._look.caption(title) for title in self.maps}
        made = [
            panels.panel(
                self._tile(enlarged(seen, self._card.shape, self._covers) / full[title]),
                names[title][0].upper() + names[title][1:],
                captions[title],
            )
            for title, seen in self.maps.items()
        ]
        end = f"{full[MEAN]:.1%}" if self.scale.value == ONE else "the highest of each"
        field, about_field = self._field_panel()
        title = f"Block {block} of {last}: where {self._look.looker} looks"
        legend = panels.legend(
            end,
            "The colours of heads and mean, in shares of the attention.",
            f"An even look gives {self._look.even_share:.1%} to each. Below each map: where it is highest.",
        )
        sheet = drawing.below(drawing.written([title], SHEET), *panels.rows([*made, *field]), legend)
        words = "; ".join(f"{names[name]}, {caption}" for name, caption in captions.items())
        return sheet, (
            f"{title}. Maps {self.shown.value}; of each the highest place and the share of attention there: {words}. "
            f"Full colour of heads and mean: {end}.{about_field}"
        )

    def _field_panel(self):
        """([panel], words for the alt text) of the CNN's receptive field; ([], "") without a CNN."""
        if self._cnn is None:
            return [], ""
        title = f"Receptive field of {named(self._cnn)}, {self.layer.value}"
        if self.field is None:
            words = "The answer is made of every place of the map. Choose a patch to see what one place can feel."
            return [panels.panel(panels.words(words), title, "")], f" {title}: {words}"
        strongest = self.field.flatten().sort(descending=True).values.cumsum(0)
        half = (1 + int((strongest < strongest[-1] / 2).sum())) / len(strongest)
        caption = (
            f"{float((self.field > 0).float().mean()):.0%} of the pixels reach it; half the effect from {half:.1%}"
        )
        unit = panels.square(self._unit, self._layers[self.layer.value][1:], self._card.shape, self._card.shape)
        return [panels.panel(self._tile(self.field, unit), title, caption)], f" {title}, at the same place: {caption}."

    def _tile(self, values, square=None):
        """Shares of the full colour, (H, W), as a tile: over the image or alone."""
        return self._marked(panels.coloured(values.numpy(), self._pixels if self.shown.value == OVER else None), square)

    def _marked(self, tile, square=None):
        """A tile with the outline of the evidence and the frame of the patch, or of another square."""
        if self._dashes is not None:
            panels.put_dashes(tile, self._dashes)
        return tile if self.query == ANSWER else panels.framed(tile, self._card.shape, square or self._square)

    # Words ----------------------------------------------------------------------------------

    @sentences(read_out=True)
    def _words(self):
        said = f"Image {self.image.value + 1}: {predicted(self._card, self._answer, self._case.label)}"
        return [said, *self._look.sentences()]

    @sentences
    def _caution(self):
        return CAUTION

    @sentences
    def _about_rollout(self):
        return ABOUT_ROLLOUT

    @markup
    def _lesson(self):
        return f"How far a rollout can be trusted: {lesson_of('attention_rollout')}."

    layout = [
        [image, previous, next],
        MESSAGE,
        [_image_shown, Column("400px", asked, row, column, block, _words)],
        "What it looks at",
        [shown, scale, layer],
        _map_shown,
        _caution,
        "How far the heads look",
        [_chart_shown, Column("260px", _about_rollout, _lesson)],
    ]
