"""A number in a lesson's text that looks like a result stands in its outputs or code, or beside its source.

What is in neither is listed in `numbers.toml`, with the reason.
"""

import json
import re
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2]
LESSONS = sorted((HERE / "notebooks" / "solutions").glob("[0-9][0-9]_*.ipynb"))
LISTED = tomllib.loads(Path(__file__).with_name("numbers.toml").read_text(encoding="utf-8"))
# 0.93, .930 and 12.5 %; no sections, versions or identifiers.
RESULT = re.compile(r"(?<![\w.:/-])(?:(0?\.\d{2,3})(?![\w/]|\.\d)|(\d+(?:\.\d+)?) ?%)")
SOURCE = re.compile(r"doi\.org|arxiv\.org|et al\.|https?://", re.I)

pytestmark = pytest.mark.skipif(not LESSONS, reason="only in a clone")


def seen(cells):
    """The numbers that a reader of a lesson's code and outputs sees, without its pictures."""
    texts = []
    for cell in cells:
        if cell["cell_type"] == "code":
            texts.append("".join(cell["source"]))
            for output in cell["outputs"]:
                data = output.get("data", {})
                html = re.sub(r"<svg.*?</svg>|<[^>]*>", " ", "".join(data.get("text/html", "")), flags=re.S)
                texts += ["".join(output.get("text", "")), "".join(data.get("text/plain", "")), html]
    return [float(number) for number in re.findall(r"(?<![\w.])\d*\.?\d+(?![\w])", "\n".join(texts))]


def unfounded(cells):
    """[(number, the words around it), …]"""
    known, found = seen(cells), []
    for cell in cells:
        paragraphs = re.split(r"\n\s*\n", "".join(cell["source"])) if cell["cell_type"] == "markdown" else []
        for text in paragraphs:
            if SOURCE.search(text):
                continue
            for match in RESULT.finditer(text):
                said = match[1] or match[2]
                decimals = len(said.partition(".")[2])
                ways = [(float(said), decimals)] + ([(float(said) / 100, decimals + 2)] if match[2] else [])
                if not any(abs(number - value) <= 0.5001 * 10**-places for value, places in ways for number in known):
                    found.append((match[0], " ".join(text[max(0, match.start() - 60) : match.end() + 30].split())))
    return found


def cells_of(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_number_in_the_text_is_measured_or_has_a_source(path):
    listed = {entry["number"] for entry in LISTED.get(path.stem, [])}
    found = unfounded(cells_of(path))
    assert [each for each in found if each[0] not in listed] == []
    assert listed <= {number for number, _ in found}, "an entry of numbers.toml is needed no longer"


def test_every_entry_says_why():
    assert all(entry["why"].strip() for entries in LISTED.values() for entry in entries)


def test_a_number_from_nowhere_is_found():
    code = {"cell_type": "code", "source": "auc", "outputs": [{"output_type": "stream", "text": "AUC 0.931"}]}
    text = "AUC of 0.93, not 0.87; 93 %, not 87 %.\n\nYang et al. have 0.944."
    found = unfounded([code, {"cell_type": "markdown", "source": text}])
    assert [number for number, _ in found] == ["0.87", "87 %"]
