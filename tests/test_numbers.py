"""A number that a reader meets has a source: in lessons, README and cards.

Lessons: it stands in an output or in code, or beside its source. README: it is computed here, or stands in a passage of
`docs/measured.toml`, which says where it comes from. Cards of data sets: it is published, counted or cited. Cards of
claims: settings, experiment or evidence hold it, and of an earlier result the evidence of that time does.

What is in none of them is listed in `numbers.toml`, with the reason.
"""

import ast
import inspect
import json
import re
import subprocess
import tomllib
from collections import Counter
from functools import cache
from importlib.resources import files
from pathlib import Path
from statistics import fmean

import pytest

import medtutor as mt
from medtutor.bench import growth_figure
from medtutor.course.assignment import POINTS
from medtutor.course.inspection import LESSON_SECONDS
from medtutor.data import catalog
from medtutor.data.sources.published import published_rows
from medtutor.metrics.intervals import over_seeds
from medtutor.models import build, parameter_count
from medtutor.pages.kind import MOST
from medtutor.review import claims, flows, judge, read_evidence, works
from medtutor.review.collection import _entries as collections
from medtutor.review.experiments.efficiency import DEADLINE
from medtutor.review.plan import at_once, estimate
from medtutor.review.rule import UNITS
from medtutor.training.processes import LESSON_BYTES

HERE = Path(__file__).parents[1]
LESSONS = sorted((HERE / "notebooks" / "solutions").glob("[0-9][0-9]_*.ipynb"))
# 0.93, .930 and 12.5 %; no sections, versions or identifiers.
RESULT = re.compile(r"(?<![\w.:/-])(?:(0?\.\d{2,3})(?![\w/]|\.\d)|(\d+(?:\.\d+)?) ?%)")
SOURCE = re.compile(r"doi\.org|arxiv\.org|et al\.|https?://", re.I)
RESULTS = ("pneumoniamnist", "breastmnist", "adrenalmnist3d", "vesselmnist3d")  # the rows of README's table of results
# Any number: 7, 1,175, 0.93, .4, 1e-4 and 1/207, but for digits of a word, such as float32.
NUMBER = re.compile(r"(?<![\w.])(?:\d+/\d+|\d+(?:\.\d+)?e-\d+|\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)*|\.\d+)(?![\w])")
# Digits that count and measure nothing: names, versions, licences, citations, and the numbers of lessons.
NAMES = re.compile(
    r"\d-D\b|ResNet-\d+|AVX-512|BSD-3|(Python|PyTorch|version) \d+(\.\d+)+|^\s*\d+\. "
    r"|(since|in|of) 20\d\d\b|--processes \d|MedMNIST v2|PRISMA 2020|CC BY(-NC|-SA)? 4\.0"
    r"|AMD EPYC of 2024|^\| \d\d (?=\|)|[Ll]esson \d\d|8 bits|[Ss]ection \d\.\d|\(\d{4}\)|et al\.,? \d{4}"
    r"|arXiv[: ][\d.]+(, \d{4})?|Diagnostics (2025;15\(9\):1072|14:1534)|Nature Communications 13:4128, 2022"
    r"|Scientific Data 10:41|Scientific Data 12:196, 2025|Cell 172:1122, 2018|95 % intervals?|PS3\.15",
    re.M,
)

pytestmark = pytest.mark.skipif(not LESSONS, reason="only in a clone")


def blank(pattern, text):
    """Text whose matches are blanks, so that every place stays where it is."""
    return re.sub(pattern, lambda match: re.sub(r"[^\n]", " ", match[0]), text)


# --- Lessons -----------------------------------------------------------------------------------


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


def unfounded(cells, source=""):
    """["LINE: NUMBER in WORDS", …]; the line is that of a lesson's source."""
    known, found = seen(cells), []
    for cell in cells:
        paragraphs = re.split(r"\n\s*\n", "".join(cell["source"])) if cell["cell_type"] == "markdown" else []
        for text in paragraphs:
            for match in RESULT.finditer(text):
                if SOURCE.search(sentence_at(text, match.start())):
                    continue
                said = match[1] or match[2]
                decimals = len(said.partition(".")[2])
                ways = [(float(said), decimals)] + ([(float(said) / 100, decimals + 2)] if match[2] else [])
                if not any(abs(number - value) <= 0.5001 * 10**-places for value, places in ways for number in known):
                    line = text[text.rfind("\n", 0, match.start()) + 1 :].partition("\n")[0]
                    found.append(f"{line_of(line, source)}: {match[0]} in {line!r}")
    return found


def sentence_at(text, place):
    """The sentence of a text that holds a place."""
    ends = [match.end() for match in re.finditer(r"(?<!et al)(?<!e\.g)[.:?!]\s+(?=[A-Z*_\[`\"])", text)]
    return text[
        max([end for end in ends if end <= place], default=0) : min(
            [end for end in ends if end > place], default=len(text)
        )
    ]


def line_of(line, source):
    """The number of a line of text in a source in py:percent form; 0 where it is not there."""
    return next(
        (number for number, each in enumerate(source.split("\n"), 1) if each.strip("# ") == line.strip("# ")), 0
    )


def cells_of(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_number_in_a_lesson_is_measured_or_has_a_source(path):
    source = HERE / "notebooks" / "source" / f"{path.stem}.py"
    found = unfounded(cells_of(path), source.read_text(encoding="utf-8"))
    assert not found, "\n".join(f"{source.name}:{each}" for each in found)


def test_a_number_from_nowhere_is_found():
    code = {"cell_type": "code", "source": "auc", "outputs": [{"output_type": "stream", "text": "AUC 0.931"}]}
    text = "AUC of 0.93, not 0.87;\n93 %, not 87 %.\n\nYang et al. have 0.944."
    found = unfounded(
        [code, {"cell_type": "markdown", "source": text}], "# %%\n# AUC of 0.93, not 0.87;\n# 93 %, not 87 %.\n"
    )
    assert found == ["2: 0.87 in 'AUC of 0.93, not 0.87;'", "3: 87 % in '93 %, not 87 %.'"]


# --- README ------------------------------------------------------------------------------------


@cache
def measured():
    return tomllib.loads((HERE / "docs" / "measured.toml").read_text(encoding="utf-8"))["measured"]


@cache
def listed_claims():
    """The entries of `numbers.toml`; a package of the sources has this file and not that one."""
    return tomllib.loads(Path(__file__).with_name("numbers.toml").read_text(encoding="utf-8"))["claims"]


def of_claims():
    """What README says of the answers, as they are now."""
    found = [(each, judge(each)[1]) for each in claims()]
    words = Counter(verdict.word for _, verdict in found)
    drawn = sum(bool(each.by_construction) for each, verdict in found if verdict.word == "supported")
    both = sum(verdict.over == "seeds and cases" for _, verdict in found)
    none, against = words["no difference larger than the margin"], words["contradicted"]
    return [
        f"Of the {len(found)} claims, {words['supported']} are supported ({drawn} of them true by construction of a "
        f"phantom, which their cards say), {against} {'is' if against == 1 else 'are'} contradicted, "
        f"{none} {'shows' if none == 1 else 'show'} no difference larger than the margin, "
        f"{words['inconclusive']} are inconclusive and {words['not testable here']} not testable here.",
        f"The intervals of {both} claims are **over seeds and cases**",
    ]


def of_published():
    """Of each set in the table of results: the published ResNet-18, and the highest AUC."""
    for name in RESULTS:
        rows = published_rows(name, 28)
        kind = "3D" if name.endswith("3d") else ""
        first = next(row for row in rows if row.model == ("ResNet-18 + 3D" if kind else "ResNet-18"))
        best = max(rows, key=lambda row: row.auc)
        yield f"{first.auc:.3f} / {first.acc:.3f}{kind and f' ({kind})'} | {best.auc:.3f} ({best.model}) |"


def of_networks():
    """Numbers of parameters that lie near each other."""
    slices, xray = catalog.card("hippocampus"), catalog.card("pneumoniamnist")
    count = {name: parameter_count(build(name, xray)) for name in ("cnn", "vit", "windowed_vit", "hybrid")}
    unets = ("unet", "fcn", "residual_unet", "attention_unet", "multi_level_unet")
    count |= {name: parameter_count(build(name, slices)) for name in unets}

    def within(names, of):
        return next(
            percent for percent in range(100) if all(abs(count[n] / count[of] - 1) * 100 < percent for n in names)
        )

    return [
        f"have the same number of parameters within {within(unets, 'unet')} %.",
        f'have as many parameters as `"cnn"` within {within(("vit", "windowed_vit", "hybrid"), "cnn")} %',
        f"A U-Net of {count['unet'] / 1e6:.2f} million parameters",
    ]


def of_files():
    """What ships."""
    networks = HERE / "medtutor" / "training" / "checkpoints"
    (gan,) = {f"{path.stat().st_size / 1e6:.1f}" for path in networks.glob("*/generator-*.safetensors")}
    (diffusion,) = {f"{path.stat().st_size / 1e6:.1f}" for path in networks.glob("*/denoiser-*.safetensors")}
    return [f"({gan} MB each, made with", f"(`load_diffusion`, {diffusion} MB,"]


def of_sets():
    images = sum(catalog.counts("pathmnist").values())
    reviews = collections()["Jeyaraman_2020"]
    others = sum(catalog.publisher(name) == "medmnist" for name in catalog.names()) - len(RESULTS)
    return [
        f"BreastMNIST has {catalog.counts('breastmnist')['test']} of them",
        f"the other {others} sets have the general recipe",
        f"a teaching split of {sum(catalog.counts('hippocampus').values())} ",
        f"(PathMNIST at 224 pixels: {images * 224 * 224 * 3 / 1e9:.0f} GB)",
        f"({reviews['records']:,} records, {reviews['included']} relevant)",
    ]


def of_code():
    """Limits and settings."""
    shown = inspect.signature(mt.page).parameters["images"].default
    recipes = tomllib.loads((HERE / "medtutor" / "training" / "recipes.toml").read_text(encoding="utf-8"))
    return [
        f"# {sum(work.listed != 'canonical' for work in works())} works around the review",
        f"One HTML file of at most {MOST / 1e6:g} MB",
        f"It shows {shown} images of val and test",
        f"each function with its check ({POINTS} points)",
        f"a frame every {1000 * DEADLINE:.0f} ms",
        f"# executes the lessons: at most {LESSON_SECONDS / 60:g} minutes and {LESSON_BYTES / 1e9:g} GB each",
        f"with the recipe before ({recipes['images']['adamw']['epochs']} epochs of AdamW in float32)",
        "Published values at 28 pixels from",  # `of_published` reads these rows
        "on BreastMNIST's `cnn` (28 pixels,",  # as `load` gives it unless another size is asked for
    ]


def of_copies():
    """What the near-duplicates of BreastMNIST do to the result."""
    kept = read_evidence("cnn-beats-mlp")
    everywhere, without_them = (
        fmean(kept.contrast(f"breastmnist{words}").first) for words in ("", ", without near-duplicates")
    )
    return [f"mean AUC of {everywhere:.3f} on all of them, and {without_them:.3f} on those without"]


def of_estimate():
    alone, both = estimate(claims())[0] / 3600, at_once(claims(), 2) / 3600
    return [f"evidence anew: about {alone:.0f} hours, {both:.0f} hours with --processes 2, as --estimate says"]


def of_growth():
    kept = json.loads((HERE / "docs" / "growth" / "growth.json").read_text())
    return [*growth_figure.describe(kept), f'alt="{growth_figure.alt(kept)}"']


COMPUTED = (of_claims, of_published, of_networks, of_files, of_sets, of_code, of_copies, of_estimate, of_growth)


def without(text, passages):
    """(text with the passages as blanks, those that are not in it)"""
    missing = []
    for passage in passages:
        pattern = r"\s+".join(map(re.escape, passage.split()))
        if not re.search(pattern, text):
            missing.append(passage)
        text = blank(pattern, text)
    return text, missing


def prose_of(page):
    """A Markdown page without tags, the code of its blocks (comments stay), code in lines, and addresses."""
    page = blank(r"(?s)<!-- coverage -->.*?<!-- end of coverage -->", page)  # `test_coverage.py` holds it
    page = re.sub(r"(?sm)^```.*?^```", lambda block: blank(r"(?m)^[^#\n]*", block[0]), page)
    return blank(NAMES, blank(r"<[^>]*>|`[^`\n]*`|\]\([^)]*\)|https?://\S+", page))


def numbers_in(text, name):
    """["FILE:LINE: NUMBER in LINE", …]"""
    return [
        f"{name}:{number}: {match[0]} in {line.strip()!r}"
        for number, line in enumerate(text.split("\n"), 1)
        for match in NUMBER.finditer(line)
    ]


def groundless(page, passages, name="README.md"):
    """(numbers that stand in no passage, passages that the page has not)"""
    left, missing = without(page, passages)
    return numbers_in(prose_of(left), name), missing


@pytest.fixture(scope="module")
def grounds():
    """The passages of README whose numbers have a source."""
    return [*(entry["says"] for entry in measured()), *(passage for group in COMPUTED for passage in group())]


def test_a_number_in_the_readme_is_computed_or_has_a_source(grounds):
    found, missing = groundless((HERE / "README.md").read_text(encoding="utf-8"), grounds)
    assert not found, "\n".join(
        ["neither computed here nor in docs/measured.toml (what measures nothing belongs in NAMES):", *found]
    )
    assert not missing, "\n".join(["README has these no longer, or with other numbers:", *missing])


def test_a_number_of_the_readme_that_is_changed_is_found_with_its_line(grounds):
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    for passage in (measured()[0]["says"], of_claims()[0], of_files()[0]):
        start = re.search(r"\s+".join(map(re.escape, passage.split())), readme).start()
        number = NUMBER.search(readme, start)
        other = number[0][:-1] + ("2" if number[0][-1] == "1" else "1")
        found, missing = groundless(readme[: number.start()] + other + readme[number.end() :], grounds)
        line = readme.count("\n", 0, number.start()) + 1
        assert any(each.startswith(f"README.md:{line}: {other} in ") for each in found) and missing
    assert groundless(f"{readme}\nIt takes 3.7 seconds.\n", grounds)[0] == [
        f"README.md:{readme.count(chr(10)) + 2}: 3.7 in 'It takes 3.7 seconds.'"
    ]


def test_what_was_measured_says_how_and_what_is_kept_says_it():
    kinds = ({"says", "by", "on", "day", "commit"}, {"says", "file", "shows"}, {"says", "source"})
    for entry in measured():
        assert set(entry) in kinds and all(str(each).strip() for each in entry.values()), entry["says"]
        if "file" in entry:
            assert entry["shows"] in (HERE / entry["file"]).read_text(encoding="utf-8"), entry["says"]
        assert "source" not in entry or SOURCE.search(entry["source"]), entry["says"]


def test_what_was_measured_stands_in_the_commit_that_it_names():
    for entry in measured():
        if "commit" not in entry:
            continue
        there = git("show", f"{entry['commit']}:README.md")
        if there is None:
            pytest.skip("the history is not here")
        numbers = set(NUMBER.findall(entry["says"])) - set(NUMBER.findall(there))
        assert not numbers and git("show", "-s", "--format=%as", entry["commit"]).strip() == str(entry["day"]), entry[
            "says"
        ]


def git(*arguments):
    """What git says of the clone; None where it knows nothing of it."""
    try:
        done = subprocess.run(["git", "-C", HERE, *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout


# --- Cards of data sets ------------------------------------------------------------------------


def of_cards():
    """{set: passages of its card that are counted, published or cited}"""
    count = {name: catalog.counts(name) for name in catalog.names()}
    breast, xray = count["breastmnist"], count["pneumoniamnist"]
    shared, near = 55, 39  # these and the others of the images: `test_subsets.py` counts them again where the files are
    networks = [row for row in published_rows("chestmnist") if not row.model.startswith("auto-")]
    aucs, accs = ([getattr(row, of) for row in networks] for of in ("auc", "acc"))
    labels = len(catalog.card("chestmnist").classes)
    return {
        "breastmnist": [
            f"The test set has {breast['test']} images: one image is {100 / breast['test']:.2f} points of accuracy.",
            f"at 28 pixels {shared} of {breast['test']} test images have a training image that correlates above 0.97"
            f" ({near} above 0.99), 31 of {breast['val']} validation images likewise. Read results on the other"
            f" {breast['test'] - shared} test images",
            "Test image 76 is training image 115 byte for byte at 28 pixels",
        ],
        "pneumoniamnist": [
            f"8 of {xray['val']} are training images byte for byte at 28 pixels.",
            f"none of the {xray['test']} is a training image. They hold 62.5 % pneumonia, the others 74 %",
        ],
        "adrenalmnist3d": [
            "at 28 pixels every voxel is 0 or 255",
            f"The validation split has {count['adrenalmnist3d']['val']} volumes",
        ],
        "vesselmnist3d": ["at 28 pixels every voxel is 0 or 255"],
        "chestmnist": [
            f"networks with an AUC of {min(aucs):.2f} to {max(aucs):.2f} all have",
            f"one of {min(accs):.2f} to {max(accs):.2f}",
            f"each of the {labels} findings is rare",
        ],
        "hippocampus": [
            f"of {sum(count['hippocampus'].values())} of the 260 published volumes",  # Simpson et al., its citation
            f"{count['hippocampus']['test']} volumes of 10 people are tested",  # `test_subjects.py` counts them
        ],
    }


@pytest.mark.parametrize("name", catalog.names())
def test_a_number_on_a_card_is_counted_published_or_cited(name):
    card = catalog.card(name)
    left, missing = without("\n".join(card.warnings), of_cards().get(name, []))
    found = numbers_in(blank(NAMES, left), f"the card of {name}")
    assert not found, "\n".join(found)
    assert not missing, "\n".join(["the card has these no longer, or with other numbers:", *missing])
    if NUMBER.search(card.description):  # of the publisher, who is named beside it
        assert SOURCE.search(card.citation) and card.publisher == "medmnist"


def test_a_number_on_a_card_that_is_changed_is_found():
    left, missing = without(
        " ".join(catalog.card("breastmnist").warnings).replace("55 of", "54 of"), of_cards()["breastmnist"]
    )
    assert missing and "54" in numbers_in(left, "")[0]


def test_every_published_number_names_who_published_it():
    known = re.compile(r"^medmnist\.com benchmark table$|^Doerrich et al\., .+")
    for name in catalog.names():
        assert all(known.match(row.source) for row in catalog.card(name).published), name
    assert all(number.source and number.seen for work in works() for number in work.numbers)


def test_tables_of_numbers_name_their_source():
    """What stands in a file of numbers was made by a command, or copied from a publication."""
    for name, words in (
        ("medtutor/reports/frontier.json", "python tools/make_frontier.py"),
        ("tools/make_privacy_results.py", "medtutor/explorers/privacy.json"),
        ("medtutor/data/read_twice.csv", "tools/count_two_readings.py"),
        ("medtutor/training/recipes.toml", "How they were chosen"),
    ):
        assert words in (HERE / name).read_text(encoding="utf-8"), name
    assert all(flow.source for flow in flows().values())


# --- Cards of claims ---------------------------------------------------------------------------

TEXTS = ("names", "place", "asked", "protocol", "metric", "by_construction")
IN_WORDS = re.compile(r"(?<![\w.])\d+(?:\.\d+)?")


@cache
def tables():
    return tomllib.loads(files("medtutor.review").joinpath("claims.toml").read_text(encoding="utf-8"))


@cache
def constants(trial):
    """Numbers that stand in the file of an experiment, also in words that it prints."""
    for path in sorted((HERE / "medtutor" / "review" / "experiments").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if f"def {trial}(" in text:
            values = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
            words = [each for each in values if isinstance(each, str) and len(each) < 60]
            plain = [each for each in values if isinstance(each, (int, float)) and not isinstance(each, bool)]
            return {float(each) for each in plain} | {float(each) for word in words for each in IN_WORDS.findall(word)}
    return set()


def held(claim_id):
    """The numbers that a claim's settings, rule and experiment hold, and that its evidence says of what was done."""
    table, evidence = tables()[claim_id], read_evidence(claim_id)
    given = [table[name] for name in ("settings", "seeds", "rule", "noise") if name in table]
    done = [evidence.arms, evidence.data, [[each.name, each.arms] for each in evidence.contrasts]]
    text = json.dumps([given, done], default=str)
    return {float(each) for each in IN_WORDS.findall(text)} | constants(table["trial"])


def not_among(known, text):
    """{number: words around it} of a text, of those that are not known as they stand, as a share, or in thousands."""
    found = {}
    for match in NUMBER.finditer(blank(NAMES, text)):
        value = float(match[0].replace(",", ""))
        if not any(round(way, 9) in known for way in (value, value / 100)):
            if not any(each >= 1000 and round(each / 1000) == value for each in known):
                found[match[0]] = " ".join(text[max(0, match.start() - 50) : match.end() + 30].split())
    return found


@pytest.mark.parametrize("claim_id", tables())
def test_a_number_on_the_card_of_a_claim_is_what_was_set_or_done(claim_id):
    listed = {entry["number"] for entry in listed_claims() if claim_id in entry["of"]}
    table, known, found = tables()[claim_id], held(claim_id), {}
    for text in [*(table.get(name, "") for name in TEXTS), *(each["why"] for each in table.get("amended", []))]:
        found |= not_among(known, " ".join(text.split()))
    line = line_of(f"[{claim_id}]", (HERE / "medtutor/review/claims.toml").read_text(encoding="utf-8"))
    wrong = [f"claims.toml:{line}: {each} in {words!r}" for each, words in found.items() if each not in listed]
    assert not wrong, "\n".join(wrong)
    assert listed <= set(found), "an entry of numbers.toml is needed no longer"


def test_a_number_on_the_card_of_a_claim_that_is_changed_is_found():
    protocol = tables()["cnn-beats-mlp"]["protocol"]
    known = held("cnn-beats-mlp")
    assert set(not_among(known, protocol)) == {"28"}
    for said, other in (("8 epochs", "9 epochs"), ("within 5 %", "within 6 %"), ("624 and 156", "634 and 156")):
        assert said in protocol
        assert re.search(r"\d+", other)[0] in not_among(known, protocol.replace(said, other))


def test_every_entry_says_why_and_of_whom():
    for entry in listed_claims():
        assert entry["why"].strip() and set(entry["of"]) <= set(tables()), entry


@pytest.mark.parametrize("claim_id", [name for name, table in tables().items() if "amended" in table])
def test_an_earlier_result_is_what_the_evidence_of_that_time_comes_to(claim_id):
    """Its numbers stand in an earlier version of the evidence, which git keeps."""
    path = f"medtutor/review/evidence/{claim_id}.json"
    if git("log", "-1", "--format=%h", "791e0f5") is None:
        pytest.skip("the history is not here")
    rule = next(each for each in claims() if each.id == claim_id).rule
    for entry in tables()[claim_id]["amended"]:
        said = " ".join(entry["earlier"].split())
        numbers = {float(each) for each in re.findall(r"(?<![\w.])[+-]?\d+\.\d+", said)} - levels(rule)
        versions = (git("log", "--format=%h", "--", path) or "").split()
        assert not numbers or any(numbers <= results(git("show", f"{each}:{path}"), said, rule) for each in versions), (
            said
        )


def levels(rule):
    return {rule.margin, *rule.reaches.values(), *(margin.margin for margin in rule.other_units.values())}


def results(text, said, rule):
    """What evidence says of the primary contrast and those that a sentence names, with two and with three digits."""
    found = set()
    for contrast in json.loads(text)["contrasts"] if text else []:
        if contrast["name"] in said or contrast["name"] == rule.primary:
            values = [contrast["mean"], *contrast["interval"], fmean(contrast["first"]), fmean(contrast["second"])]
            for unit in UNITS.values():
                if unit.limit and max(map(abs, contrast["difference"])) <= unit.limit:
                    values += over_seeds(contrast["difference"], unit.limit).interval()
            found |= {float(f"{value:.{digits}f}") for value in values for digits in (2, 3)}
            found |= {float(each) for each in re.findall(r"\d+\.\d+", contrast["name"])}
    return found
