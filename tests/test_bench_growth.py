"""What README says of how cost grows is what was measured; how much that is, is not for a test to judge."""

import json
import re
from pathlib import Path

import pytest
from matplotlib.text import Text

from medtutor.bench import growth, growth_figure

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "docs" / "growth"


@pytest.fixture(scope="module")
def kept():
    """What was measured, and stands in the repository."""
    return json.loads((KEPT / "growth.json").read_text())


def lines(svg):
    """{name: [x, y, x, y, …]} of the lines of a figure, in its own units."""
    found = re.findall(r'<g id="((?:time|memory) [^"]*)">\s*<path d="([^"]*)"', svg)
    return {name: [float(number) for number in re.findall(r"-?[\d.]+", path)] for name, path in found}


def test_the_figure_is_of_the_numbers_beside_it(kept):
    """Drawn again, every line has the same points; letters may differ with matplotlib."""
    drawn, stands = growth_figure.draw_growth(kept).decode(), (KEPT / "growth.svg").read_text()
    once, again = lines(stands), lines(drawn)
    sizes = {point["size"] for point in kept["points"]}
    assert set(once) == {
        f"{what} {size}" for what in ("time", "time least", "memory", "memory least") for size in sizes
    }
    assert once.keys() == again.keys()
    for name, places in once.items():
        assert places == pytest.approx(again[name], abs=6), name  # of 619 points
    sentences = [re.findall(r"<!-- (.*?) -->", each) for each in (stands, drawn)]
    assert sentences[0] == sentences[1] and "224 px" in sentences[0]


def test_readme_says_what_was_measured(kept):
    readme = (ROOT / "README.md").read_text()
    for sentence in growth_figure.describe(kept):
        assert sentence in " ".join(readme.split())
    assert f'alt="{growth_figure.alt(kept)}"' in readme and 'src="docs/growth/growth.svg"' in readme


def test_letters_can_be_read(kept):
    """11 pixels at the least, where the figure is as wide as README shows it."""
    width = int(re.search(r'growth.svg" width="(\d+)"', (ROOT / "README.md").read_text())[1])
    figure = growth_figure.figure_of(kept)
    pixels = width / (figure.get_figwidth() * 72)
    assert min(text.get_fontsize() for text in figure.findobj(Text) if text.get_text()) * pixels >= 11


def test_the_whole_range_was_measured(kept):
    points = {(point["size"], point["images"]) for point in kept["points"]}
    assert points == {(size, count) for size in growth.SIZES for count in growth.COUNTS}
    for point in kept["points"]:
        assert point["whole"] or point["measured"] >= growth.LEAST
        assert point["pixels"] == point["images"] * point["size"] ** 2 < point["memory"]


def test_a_short_epoch_is_trained_whole_and_of_a_long_one_some_steps():
    whole, part = (growth._measure_point(count, 28, seconds=0.0) for count in (64 * 3, 64 * 12))
    assert whole["whole"] and whole["steps"] == 3 and whole["epoch"] > sum([whole["step"]["least"]] * 2)
    assert not part["whole"] and growth.LEAST <= part["measured"] < 12
    assert part["epoch"] == part["step"]["median"] * 12 and part["pixels"] == 64 * 12 * 28 * 28


def test_a_perfect_machine_does_what_takes_longer():
    found = {"rates": {"FLOP/s": 100, "bytes/s": 10}, "image": {"28": {"flop": 1000, "bytes": 50}}}
    assert growth.perfect(found, 28) == 10
    found["image"]["28"]["bytes"] = 500
    assert growth.perfect(found, 28) == 50


def test_numbers_and_figure_are_written_together(kept, tmp_path):
    numbers, figure = growth_figure.save_growth(kept, tmp_path / "new")
    assert json.loads(numbers.read_text()) == kept and figure.read_bytes().startswith(b"<?xml")
