"""The drawn architectures: their shapes are the models', their words fit and are told, and nothing overlaps."""

import re
import xml.etree.ElementTree as ET

import pytest
import torch

from medtutor import build
from medtutor.data import card
from medtutor.errors import InputError
from medtutor.figures import Diagram, diagram
from medtutor.figures.diagrams import DIAGRAMS
from medtutor.figures.drawing import SUBSCRIPT, Sheet, measured, shaped
from medtutor.models import CNN, FCN, AttentionUNet, FrameSequence, Hybrid, UNet, ViT, WindowedViT
from medtutor.models.autoencoder import VAE
from medtutor.models.gan import Critic, Discriminator, Generator
from medtutor.models.hybrid import Fusion

SVG = "{http://www.w3.org/2000/svg}"
GREY, CLIP, SLICE = torch.zeros(2, 1, 28, 28), torch.zeros(2, 16, 1, 28, 28), torch.zeros(2, 1, 56, 40)

# {diagram: (other models than the usual, their inputs)}: all that a drawing says has to follow them.
OTHERS = {
    "residual_cnn": (lambda: CNN(3, classes=4, widths=(16, 32)), [torch.zeros(2, 3, 28, 28)]),
    "fcn": (lambda: FCN(classes=5, widths=(8, 20, 44)), [SLICE]),
    "unet": (lambda: UNet(classes=5, widths=(8, 20, 44)), [SLICE]),
    "rnn": (lambda: FrameSequence(outputs=3, head="lstm", hidden=20), [CLIP]),
    "lstm_cell": (lambda: FrameSequence(head="lstm", hidden=20), [CLIP]),
    "vae": (lambda: VAE(latents=8, widths=(16, 24)), [GREY]),
    "gan": (lambda: (Generator(latents=24, widths=(40, 24, 12)), Critic(widths=(12, 24, 40))), None),
    "vit_block": (lambda: ViT(width=48, heads=6, patch=7, readout="class"), [GREY]),
    "hybrid": (lambda: Hybrid(widths=(12, 20), width=36, depth=2), [GREY]),
    "fusion": (lambda: Fusion(columns=5), [GREY, torch.zeros(2, 5)]),
}
USUAL = {
    "residual_cnn": (lambda: build("cnn", card("pneumoniamnist")), [GREY]),
    "fcn": (lambda: build("fcn", card("hippocampus")), [SLICE]),
    "unet": (lambda: build("unet", card("hippocampus")), [SLICE]),
    "rnn": (lambda: build("gru", card("cine_ejection")), [CLIP]),
    "lstm_cell": (lambda: build("lstm", card("cine_ejection")), [CLIP]),
    "vae": (VAE, [GREY]),
    "gan": (lambda: (Generator(), Discriminator()), None),
    "vit_block": (lambda: build("vit", card("pneumoniamnist")), [GREY]),
    "hybrid": (lambda: build("hybrid", card("pneumoniamnist")), [GREY]),
    "fusion": (Fusion, [GREY, torch.zeros(2, 2)]),
}
CASES = [(name, kind) for name in DIAGRAMS for kind in ("usual", "other")]

# {diagram: {what the alt text calls it: the module that gives it}}, and ":in" for what a module takes.
PLACES = {
    "residual_cnn": {
        "image": ":in",
        "stem": "stem",
        "block 1": "blocks.0",
        "block 2": "blocks.1",
        "features": "flatten",
        "logits": "classifier",
        "x of block 2": "blocks.1:in",
        "3 × 3 conv stride 2": "blocks.1.conv1",
        "skip: 1 × 1 conv, stride 2, batch norm": "blocks.1.skip",
        "y": "blocks.1",
    },
    "fcn": {
        "encoder 1": "encoder.0",
        "bottleneck": "encoder.-1",
        "upsampled 1": "decoder.0:in",
        "upsampled 2": "decoder.1:in",
        "decoder 1": "decoder.0",
        "logits": "classifier",
    },
    "unet": {
        "encoder 1": "encoder.0",
        "encoder 2": "encoder.1",
        "bottleneck": "encoder.-1",
        "concatenation 1": "decoder.0:in",
        "concatenation 2": "decoder.1:in",
        "decoder 2": "decoder.1",
        "decoder 1": "decoder.0",
        "logits": "classifier",
    },
    "rnn": {"frame 1": "encoder:in", "x(1)": "encoder", "answer": "head.answer"},
    "lstm_cell": {"x(t)": "encoder", "c(t)": "head.answer:in", "h(t)": "head.answer:in"},
    "vae": {
        "image x": ":in",
        "encoder 1": "encoder.features.1",
        "encoder 2": "encoder.features.3",
        "mean": "decoder:in",
        "latent code z": "decoder:in",
        "decoder 1": "decoder.expand",
        "decoder 2": "decoder.layers.1",
        "reconstruction": "decoder",
    },
    "gan": {
        "noise z": "0:in",
        "layer 1 of G": "0.layers.3",
        "layer 2 of G": "0.layers.6",
        "generated image": "0",
        "layer 1 of D": "1.features.0",
        "layer 3 of D": "1.features.4",
        "logit": "1.score",
    },
    "vit_block": {
        "tokens": "blocks.0:in",
        "positions, learned": "positions",
        "attention": "blocks.0.attention",
        "softmax of the products of queries and keys": "blocks.0.attention.softmax",
        "output projection, linear": "blocks.0.attention.mix",
        "logits": "classifier",
    },
    "hybrid": {
        "stem": "embedding.2",
        "residual 1": "embedding.3",
        "to tokens": "embedding",
        "tokens": "blocks.0:in",
        "logits": "classifier",
    },
    "fusion": {"CNN": "image", "table (early)": "table:in", "concatenation": "answer:in", "logits": ""},
}


def models_and_inputs(name, kind):
    made, inputs = {"usual": USUAL, "other": OTHERS}[kind][name]
    return made(), inputs


@pytest.fixture(scope="module")
def drawn():
    """A function that draws each case once: usual, or with a model of other sizes."""
    kept = {}

    def draw(name, kind):
        if (name, kind) not in kept:
            kept[name, kind] = diagram(name, models_and_inputs(name, kind)[0] if kind == "other" else None)
        return kept[name, kind]

    return draw


def hooked(model, inputs):
    """{module: shape given}, {module + ":in": shape taken}, in a real pass with real numbers."""
    found = {}

    def listen(name, module):
        def hook(_, taken, given):
            given = given[0] if isinstance(given, tuple) else given
            found.setdefault(name, tuple(given.shape[1:]))
            found.setdefault(f"{name}:in", tuple(taken[0].shape[1:]) if taken else None)

        module.register_forward_hook(hook)

    if isinstance(model, tuple):
        for number, (part, taken) in enumerate(zip(model, (torch.zeros(2, model[0].latents), GREY))):
            for key, shape in hooked(part, [taken]).items():
                found[f"{number}{'' if key in ('', ':in') else '.'}{key}"] = shape
        return found
    for name, module in model.named_modules():
        listen(name, module)
    with torch.no_grad():
        model.eval()(*inputs)
    return found


# --- shapes ----------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_every_shape_that_is_written_is_one_that_the_model_gives(name, kind, drawn):
    model, inputs = models_and_inputs(name, kind)
    known = set(hooked(model, inputs).values())
    if name == "lstm_cell":
        layer = model.head.recurrence
        for weight in (layer.weight_ih_l0, layer.weight_hh_l0):
            known |= {tuple(weight.shape), (weight.shape[0] // 4, weight.shape[1])}
    if name == "fusion":
        for way in ("late", "gated"):
            known |= set(hooked(Fusion(columns=inputs[1].shape[1], way=way), inputs).values())
    written = [words for words, *_ in texts(drawn(name, kind))]
    shapes = [
        tuple(map(int, each.split("\u00a0×\u00a0")))
        for words in written
        for each in re.findall(r"\d+(?:\u00a0×\u00a0\d+)+", words)
    ]
    single = [(int(words),) for words in written if words.isdecimal()]
    assert len(shapes) + len(single) >= 7
    for shape in [*shapes, *single]:
        assert shape in known, shape


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_each_shape_stands_where_the_model_gives_it(name, kind, drawn):
    found = hooked(*models_and_inputs(name, kind))
    for called, module in PLACES[name].items():
        if ".-1" in module:
            module = max(key for key in found if re.fullmatch(r"encoder\.\d+", key))
        shape = " x ".join(map(str, found[module] or (1,)))
        assert f"{called} ({shape})".lower() in drawn(name, kind).alt.lower()


@pytest.mark.parametrize("name", DIAGRAMS)
def test_other_layers_give_another_drawing(name, drawn):
    assert drawn(name, "usual").svg != drawn(name, "other").svg


def test_the_unet_says_where_its_channels_come_from(drawn):
    """88 from below become 48 by a 1 × 1 convolution, 48 come by the skip, the block takes 96."""
    alt = drawn("unet", "usual").alt
    assert "1 × 1 conv (48 x 7 x 5) and upsampling (48 x 14 x 10), to concatenation 3 (96 x 14 x 10)" in alt
    assert "At level 3, 88 channels come from below. A 1 × 1 convolution makes 48 of them; the skip adds 48:" in alt
    assert "1 × 1 conv → 48\u00a0×\u00a07\u00a0×\u00a05" in drawn("unet", "usual").svg


def test_a_class_token_is_drawn_where_there_is_one(drawn):
    assert "no class token" in drawn("vit_block", "usual").alt
    assert "class token in front" in drawn("vit_block", "other").alt


def test_a_skip_that_changes_nothing_is_drawn_as_one():
    svg = diagram("residual_cnn", CNN(widths=(24,))).svg
    assert "skip: x itself, unchanged" in svg
    assert "1 × 1 conv" not in svg


def test_the_model_stays_as_it_was():
    model = CNN().train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    diagram("residual_cnn", model)
    assert model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_drawing_draws_no_random_numbers():
    before = torch.get_rng_state()
    for name in DIAGRAMS:
        diagram(name)
    assert torch.equal(torch.get_rng_state(), before)


# --- what cannot be drawn ----------------------------------------------------------------


def test_an_unknown_name_is_one_sentence_with_the_names():
    with pytest.raises(InputError) as error:
        diagram("u-net")
    assert str(error.value).startswith("unknown diagram 'u-net'; did you mean unet? Known: ")
    assert all(name in str(error.value) for name in DIAGRAMS)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "model", "why"),
    [
        ("unet", CNN(), "is of a UNet, not of CNN"),
        ("unet", AttentionUNet(), "is of a UNet, not of AttentionUNet"),
        ("vit_block", WindowedViT(), "full attention, not of WindowedViT"),
        ("gan", Generator(), "is of a Generator and a Discriminator, not of Generator"),
        ("gan", (Generator(classes=2), Discriminator(classes=2)), "GAN without labels"),
        ("rnn", FrameSequence(head="bilstm"), "reads forward in time"),
        ("rnn", FrameSequence(head="mean_frames"), "reads forward in time"),
        ("lstm_cell", FrameSequence(head="gru"), "of an LSTM, not of a GRU"),
        ("residual_cnn", CNN(shape=(12, 12, 12)), "not of volumes"),
        ("residual_cnn", CNN(widths=(4, 4, 4, 4, 4)), "room for 4 residual blocks, not for 5"),
        ("unet", UNet(widths=(4, 4, 4, 4, 4)), "room for 4 levels, not for 5"),
        ("vae", VAE(shape=(16, 16)), "does not take images of 28 x 28 pixels"),
        ("vae", VAE(widths=(4, 4, 4)), "room for 2 convolutions, not for 3"),
        ("vit_block", Hybrid(), "not of Hybrid"),
        ("hybrid", ViT(), "is of a Hybrid, not of ViT"),
        ("residual_cnn", "cnn", "not of str"),
    ],
)
def test_what_cannot_be_drawn_is_told_in_a_sentence(name, model, why):
    with pytest.raises(InputError, match=re.escape(why)):
        diagram(name, model)


# --- how it shows itself -------------------------------------------------------------------


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_it_shows_itself_as_an_image_with_alt_text(name, kind, drawn):
    made = drawn(name, kind)
    assert isinstance(made, Diagram)
    shown = made._repr_mimebundle_()
    assert re.fullmatch(
        r'<img alt="[^"<>]+" style="max-width:100%" src="data:image/svg\+xml;base64,[\w+/=]+">', shown["text/html"]
    )
    assert shown["text/plain"] == made.alt
    assert "{" not in made.alt
    root = ET.fromstring(made.svg)
    assert root.find(f"{SVG}desc").text == made.alt
    assert not [each for each in root.iter() if "id" in each.attrib or "href" in str(each.attrib)]


def test_save_writes_the_svg(tmp_path, drawn):
    drawn("unet", "usual").save(tmp_path / "unet.svg")
    assert (tmp_path / "unet.svg").read_text(encoding="utf-8") == drawn("unet", "usual").svg
    with pytest.raises(InputError, match="is no path"):
        drawn("unet", "usual").save("")


# --- can it be read -------------------------------------------------------------------------


def texts(made):
    """(words, left, top, right, bottom, size) of each line, measured with a wide font."""
    for each in ET.fromstring(made.svg).iter(f"{SVG}text"):
        marked = (each.text or "") + "".join(
            (f"_{{{part.text}}}" if part.get("font-size") else part.text) + (part.tail or "") for part in each
        )
        size, bold = float(each.get("font-size")), each.get("font-weight") == "bold"
        wide, x, y = measured(marked, size, bold), float(each.get("x")), float(each.get("y"))
        left = {"start": x, "middle": x - wide / 2, "end": x - wide}[each.get("text-anchor")]
        yield marked, left, y - 0.75 * size, left + wide, y + 0.22 * size, size


def crosses(box, start, end):
    """Whether a line from `start` to `end` runs through a box (left, top, right, bottom)."""
    for share in range(101):
        x, y = (a + (b - a) * share / 100 for a, b in zip(start, end))
        if box[0] < x < box[2] and box[1] < y < box[3]:
            return True
    return False


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_words_are_large_enough_and_inside(name, kind, drawn):
    root = ET.fromstring(drawn(name, kind).svg)
    assert float(root.get("width")) == 760  # shown in this size: no letter is smaller on the page
    assert SUBSCRIPT >= 11
    for words, left, top, right, bottom, size in texts(drawn(name, kind)):
        assert size >= 11
        assert left >= 4 and top >= 4 and right <= 756 and bottom <= float(root.get("height")) - 4, words


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_no_words_overlap(name, kind, drawn):
    lines = list(texts(drawn(name, kind)))
    for number, (words, *one, _) in enumerate(lines):
        for others, *two, _ in lines[number + 1 :]:
            apart = one[2] <= two[0] or two[2] <= one[0] or one[3] <= two[1] or two[3] <= one[1]
            assert apart, (words, others)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_no_line_runs_through_words(name, kind, drawn):
    root = ET.fromstring(drawn(name, kind).svg)
    lines = list(texts(drawn(name, kind)))
    for each in root.iter(f"{SVG}polyline"):
        points = [tuple(map(float, point.split(","))) for point in each.get("points").split()]
        for start, end in zip(points, points[1:]):
            for words, *box, _ in lines:
                assert not crosses(box, start, end), (words, start, end)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_words_in_a_box_do_not_reach_beyond_it(name, kind, drawn):
    """A line that begins in a box, or ends in one, lies in it as a whole."""
    root = ET.fromstring(drawn(name, kind).svg)
    boxes = [[float(each.get(key)) for key in ("x", "y", "width", "height")] for each in root.iter(f"{SVG}rect")]
    for words, left, top, right, bottom, _ in texts(drawn(name, kind)):
        for x, y, width, height in boxes:
            over = left < x + width and right > x and top < y + height and bottom > y
            inside = x <= left and right <= x + width and y <= top and bottom <= y + height
            assert not over or inside, words


def light(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("name", DIAGRAMS)
def test_words_can_be_read_on_every_ground(name, drawn):
    """Contrast of at least 4.5 to 1, as WCAG asks at level AA."""
    root = ET.fromstring(drawn(name, "usual").svg)
    inks = {each.get("fill") for each in root.iter(f"{SVG}text")}
    grounds = {each.get("fill") for kind in ("rect", "circle") for each in root.iter(f"{SVG}{kind}")} - {"none"}
    for ink in inks:
        for ground in grounds if ink == "#202020" else {"#ffffff"}:
            assert (light(ground) + 0.05) / (light(ink) + 0.05) >= 4.5, (ink, ground)


def test_the_check_sees_words_that_overlap():
    """The tests above can fail."""
    sheet = Sheet("T", 100)
    sheet.text(100, 60, "one line of words")
    sheet.text(130, 62, "another line of words")
    lines = list(texts(sheet.finish()))
    assert lines[1][3] > lines[2][1]
    assert crosses(lines[1][1:5], (60, 57), (140, 57))


def test_a_shape_is_written_without_a_break():
    assert shaped((1, 2)) == "1\u00a0×\u00a02"


def test_a_thing_is_told_once_an_arrow_leads_to_it():
    sheet = Sheet("Two layers", 100)
    one = sheet.box(100, 50, 80, 40, ["one"], shape=(3,))
    two = sheet.box(300, 50, 80, 40, ["two"], shape=(4, 5))
    sheet.flow(one, two, by="a step")
    assert sheet.finish().alt == "Diagram: Two layers. One (3), a step, to two (4 x 5)."
