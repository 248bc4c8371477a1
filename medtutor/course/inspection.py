"""Are the notebooks in step with their sources, and do they keep what the course promises?

`inspect_lesson` needs no execution and takes a fraction of a second; the
budgets of time and memory (`over_budget`) need one.
"""

import html.parser
import re
from pathlib import Path

from ..errors import InputError
from ..training.processes import LESSON_BYTES, slowness
from .builder import products, read, read_notebook
from .counting import count

LESSON_SECONDS = 180  # on the reference machine, `slowness` times as many on a slower one
COURSE_SECONDS = 25 * 60
CELL_LINES, CELL_COLUMNS = 15, 79
# What a reader finds in every lesson.
SECTIONS = ("key points", "references")
NOT_CLINICAL = "not for clinical use"
# Folders of one machine. "~/.medmnist" and "/proc/..." are everybody's.
MACHINE_PATH = re.compile(r"(?<![\w.:/~-])(/(?:home|root|Users|tmp|work|mnt|content)/|[A-Z]:\\Users)[\w./\\-]*")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)(?: \"[^\"\n]*\")?\)")
# A DOI may hold brackets, but not here: they would end a link in Markdown.
PAPER = re.compile(r"https://(doi\.org/10\.\d{4,9}/[^\s()]+|arxiv\.org/abs/(\d{4}\.\d{4,5}|[a-z-]+/\d{7})(v\d+)?)")
ENCODED = re.compile(r"base64,[A-Za-z0-9+/=\s]+")


def inspect_lesson(source):
    """[sentence, …]: all that is wrong with a source and its notebooks; empty where nothing is."""
    try:
        problems = inspect_source(source)
    except InputError as error:
        return [str(error)]
    for path, solved in products(source).items():
        name = str(path.relative_to(source.parent.parent))
        if not path.exists():
            problems.append(f"{name} is missing; run: medtutor notebooks build {source.name[:2]}")
            continue
        try:
            built = read_notebook(path)
        except InputError as error:
            problems.append(f"{name} {error}; run: medtutor notebooks build {source.name[:2]}")
            continue
        problems += [
            f"{name}: {problem}" for problem in [*_out_of_step(built, source, solved), *inspect_notebook(built, path)]
        ]
    return problems


def inspect_source(source):
    """What is wrong with the text of a lesson."""
    notebook = read(source, solved=True)
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    headings = {heading.strip().lower() for heading in re.findall(r"^#+ (.*)", prose, re.M)}
    problems = [f"{source.name}: {problem}" for problem in count(source).problems]
    problems += [f"{source.name}: no section '{section}'" for section in SECTIONS if section not in headings]
    problems += [f"{source.name}: {problem}" for problem in _unlinked(prose)]
    if NOT_CLINICAL not in prose.lower():
        problems.append(f"{source.name}: does not say '{NOT_CLINICAL}'")
    for number, cell in enumerate(notebook.cells, 1):
        if cell.cell_type != "code":
            continue
        lines = cell.source.splitlines()
        if len(lines) > CELL_LINES:
            problems.append(
                f"{source.name}, cell {number}: {len(lines)} lines of code; at most {CELL_LINES}, one idea each"
            )
        wide = max(map(len, lines), default=0)
        if wide > CELL_COLUMNS:
            problems.append(f"{source.name}, cell {number}: a line of {wide} columns; at most {CELL_COLUMNS}")
    return problems


def _unlinked(prose):
    """Items of the list of references without a link to the paper, and links whose DOI or arXiv number can be none."""
    _, _, references = prose.partition("\n## References")
    for item in re.split(r"^[-*] ", references.partition("\n## ")[0], flags=re.M)[1:]:
        item = " ".join(item.split())
        links = re.findall(r"\]\((https?://[^)\s]+)\)", item)
        if not links:
            yield f"a reference without a link to its DOI, arXiv number or publisher: {item[:60]}"
        for link in links:
            if ("doi.org" in link or "arxiv.org" in link) and not PAPER.fullmatch(link):
                yield f"no DOI or arXiv number has the form of {link}"


def inspect_notebook(built, path):
    """What is wrong with a built notebook: errors, alt text, paths of a machine, dead links."""
    problems = []
    headings = _anchors(built)
    for number, cell in enumerate(built["cells"], 1):
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            problems += [
                f"cell {number}: {problem}" for problem in [*_without_alt(text), *_dead_links(text, path, headings)]
            ]
        elif cell["cell_type"] == "code":
            if cell.get("execution_count") is None:
                problems.append(f"cell {number} was not executed")
            for output in cell.get("outputs", []):
                problems += [f"cell {number}: {problem}" for problem in _inspect_output(output)]
        for found in MACHINE_PATH.finditer(text):
            problems.append(f"cell {number}: names a folder of one machine: {found[0]}")
    return problems


def over_budget(cost):
    """What an execution's `Cost` is above the budget in."""
    problems, seconds = [], LESSON_SECONDS * slowness()
    if cost.seconds > seconds:
        problems.append(f"took {cost.seconds:.0f} s; at most {seconds:.0f}")
    if cost.peak > LESSON_BYTES:
        problems.append(f"took {cost.peak / 1e9:.2f} GB of its own; at most {LESSON_BYTES / 1e9}")
    return problems


def orphans(notebooks):
    """Sentences about notebooks that no source stands behind, and about sources that are no lesson's by their name."""
    notebooks = Path(notebooks)
    known = {source.stem for source in (notebooks / "source").glob("*.py")}
    found = [*notebooks.glob("*.ipynb"), *(notebooks / "solutions").glob("*.ipynb")]
    alone = [
        f"{path.relative_to(notebooks)} has no source; delete it, or write source/{path.stem}.py"
        for path in found
        if path.stem not in known
    ]
    unnamed = [name for name in sorted(known) if not re.match(r"[0-9][0-9]_", name)]
    return alone + [
        f"source/{name}.py is never built: a lesson is named NN_name.py; give it a number, or put it elsewhere"
        for name in unnamed
    ]


def _out_of_step(built, source, solved):
    wanted = read(source, solved)
    seen = [(cell["cell_type"], cell.get("id"), "".join(cell["source"])) for cell in built["cells"]]
    if seen != [(cell.cell_type, cell["id"], cell.source) for cell in wanted.cells]:
        return [f"not in step with its source; run: medtutor notebooks build {source.name[:2]}"]
    return []


def _inspect_output(output):
    if output.get("output_type") == "error":
        return [f"ends in {output.get('ename')}: {output.get('evalue')}"]
    data = output.get("data", {})
    problems = []
    if any(kind.startswith("image/") for kind in data):
        problems.append("a bare picture, whose alt text no page shows; use medtutor.figures")
    if any("widget-view" in kind for kind in data):
        problems.append("a widget without a kernel behind it was kept")
    text = ENCODED.sub(
        "", "".join(map("".join, [output.get("text", ""), data.get("text/html", ""), data.get("text/plain", "")]))
    )
    problems += _without_alt(text)
    problems += [f"its output names a folder of one machine: {found[0]}" for found in MACHINE_PATH.finditer(text)]
    return problems


class _Images(html.parser.HTMLParser):
    """Counts images without alt text."""

    def __init__(self):
        super().__init__()
        self.bare = 0

    def handle_starttag(self, tag, attributes):
        if tag == "img" and not (dict(attributes).get("alt") or "").strip():
            self.bare += 1


def _without_alt(text):
    images = _Images()
    try:
        images.feed(text)
    except AssertionError as error:  # what Python's parser says of "<![", which a browser skips
        return [f"HTML that cannot be read ({error})"]
    bare = images.bare + len(re.findall(r"!\[\s*\]\(", text))
    return [f"{bare} picture(s) without alt text"] if bare else []


def _anchors(built):
    """The names by which Jupyter links to headings: blanks become hyphens."""
    text = "\n".join("".join(cell["source"]) for cell in built["cells"] if cell["cell_type"] == "markdown")
    return {heading.strip().replace(" ", "-") for heading in re.findall(r"^#+ (.*)", text, re.M)}


def _exists(path):
    try:
        return path.exists()
    except (OSError, ValueError):  # longer than a name can be, or no name at all
        return False


def _dead_links(text, path, own_headings):
    problems = []
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        linked = path.parent / file if file else path
        if file and not _exists(linked):
            problems.append(f"dead link: {target}")
        elif anchor and linked.suffix == ".ipynb":
            try:
                headings = own_headings if not file else _anchors(read_notebook(linked))
            except InputError as error:
                problems.append(f"dead link: {target} ({linked.name} {error})")
                continue
            if anchor not in headings:
                problems.append(f"dead link: {target} (no such heading)")
    return problems
