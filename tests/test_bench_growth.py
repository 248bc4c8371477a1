"""What README says of how cost grows is what was measured; how much that is, is not for a test to judge."""

import json
import re
from pathlib import Path

import pytest
from matplotlib.text import Text

from medtutor import cli
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


def test_the_command_writes_numbers_and_figure(kept, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(growth, "measure_growth", lambda report: kept)
    assert cli.main(["bench", "growth", "--json", "--out", str(tmp_path / "new")]) == 0
    assert json.loads((tmp_path / "new" / "growth.json").read_text()) == kept == json.loads(capsys.readouterr().out)
    assert (tmp_path / "new" / "growth.svg").read_bytes().startswith(b"<?xml")


def test_every_point_is_measured_and_said(monkeypatch):
    """The machine first, then each point in a process of its own, which is replaced here."""
    told, given = [], {"precision": "float32", "rates": {"FLOP/s": 1e9, "bytes/s": 1e9}}
    image = {"28": {"flop": 1e6, "bytes": 1e3}}

    def alone(work, *asked):
        if work is growth._measure_machine:
            return given | {"image": image}
        point = {"images": asked[0], "size": asked[1], "whole": False, "steps": asked[0] // 64, "measured": 4}
        return point | {"step": {"median": 1.0}, "epoch": 2.0 * asked[0] * 1e-3, "pixels": 1}

    monkeypatch.setattr(growth, "_alone", alone)
    found = growth.measure_growth(counts=(640, 6400), sizes=(28,), report=told.append)
    assert [point["images"] for point in found["points"]] == [640, 6400] and len(told) == 3
    assert "0.50 of a perfect machine  (from 4 of 10 steps)" in told[1] and "FLOP/s" in told[0]
