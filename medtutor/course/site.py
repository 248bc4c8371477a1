"""The lessons as static pages, for readers without Python: `medtutor site`."""

import html
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ..data.card import NOT_CLINICAL
from ..errors import InputError, MedtutorError, unknown
from ..files import resolve

MARK = "medtutor-site.json"  # in a folder that this has made, and may replace
NEEDED = ("sphinx", "myst_nb", "furo", "latex2mathml")
EXPLORER = "mt.explore("  # whose still picture a run's page replaces
ROW = re.compile(r"^\| (\d\d) \| `notebooks/(\w+)\.ipynb` \| (.*?) \|$", re.M)  # of the README's table of lessons
# A link to a lesson: its words, file, heading, and the explanation of a term.
LINK = re.compile(r'\[([^\]\[]+)\]\((\d\d_\w+)\.ipynb(?:#([^\s")]*))?(?:\s+"((?:[^"\\]|\\.)*)")?\)')
# The same in an output.
OUTPUT_LINK = re.compile(r'<a\b[^>]*?\bhref="(\d\d_\w+)\.ipynb(?:#([^"]*))?"[^>]*>(.*?)</a>', re.S)
# Nothing from elsewhere; the theme has a script in the page, and pictures of the outputs are in it, too.
POLICY = (
    "default-src 'self' file: data: blob:; script-src 'self' file: 'unsafe-inline';"
    " style-src 'self' file: 'unsafe-inline'"
)
STYLE = """
.cell_output table { display: block; overflow-x: auto; max-width: 100%; }
.cell_output div { max-width: 100%; overflow-wrap: anywhere; }
.cell_output img { background: #fff; height: auto; }
.medtutor-run { width: 100%; height: 52rem; border: 1px solid; }
.math { overflow-x: auto; overflow-y: hidden; }
"""


def build_site(
    notebooks: Path,
    out: str | os.PathLike,
    lessons: Sequence[str] = (),
    pages: str | os.PathLike | None = None,
    report: Callable[[str], None] = print,
) -> dict[str, Path]:
    """The executed notebooks of a folder as static pages, with search and formulas: {lesson's number: its page}.

    notebooks  the folder of the notebooks; the README beside it has the lessons' table
    out        the folder to write: a new or empty one, or a site that this made before, which is replaced
    lessons    numbers such as "01"; all when left out
    pages      a folder of pages of runs, each named by the lesson that shows it, such as 09.html; left out: the still
               pictures stay
    report     is told what is being done

    No page asks another host for anything. The folder is written whole or not at all. It needs
    `pip install 'medtutor[site]'`.

    Raises `InputError`, before any work, for a folder that holds anything else, an unknown lesson, a notebook that was
    not executed, and a page whose lesson has no attribution explorer; `MedtutorError` for a link that leads nowhere.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise InputError(f'{", ".join(missing)} not installed; run: pip install "medtutor[site]"')
    target = _checked_folder(out)
    found = {path.name[:2]: path for path in sorted(notebooks.glob("[0-9][0-9]_*.ipynb"))}
    for number in lessons:
        if number not in found:
            raise unknown("lesson", number, list(found))
    chosen = {number: path for number, path in found.items() if not lessons or number in lessons}
    if not chosen:
        raise InputError(f"{notebooks} holds no lessons; give the folder of the executed notebooks")
    books = {number: _read(path) for number, path in chosen.items()}
    runs = _pages(pages, books)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as work:
        source, made = Path(work) / "source", Path(work) / "site"
        source.mkdir()
        stems = {path.stem for path in chosen.values()}
        for number, path in chosen.items():
            _prepare(books[number], stems, number if number in runs else None)
            (source / path.name).write_text(json.dumps(books[number]), encoding="utf-8")
        (source / "index.md").write_text(_index(notebooks, chosen), encoding="utf-8")
        _render(source, made, report)
        if runs:
            (made / "pages").mkdir()
            for number, path in runs.items():
                shutil.copyfile(path, made / "pages" / f"{number}.html")
        (made / MARK).write_text(json.dumps({"medtutor": version("medtutor"), "lessons": list(chosen)}) + "\n")
        if problems := broken_links(made):
            raise MedtutorError(f"{len(problems)} links of the site lead nowhere: {'; '.join(problems[:5])}")
        if target.exists():
            target.rename(Path(work) / "former")
        made.rename(target)
    return {number: target / f"{path.stem}.html" for number, path in chosen.items()}


def _checked_folder(out):
    target = resolve(out).absolute()
    if target.exists() and not target.is_dir():
        raise InputError(f"{out} is a file; give the name of a folder")
    if target.is_dir() and any(target.iterdir()) and not (target / MARK).is_file():
        raise InputError(f"{out} holds other files; give a new folder, or an empty one")
    if not target.parent.is_dir() or not os.access(target.parent, os.W_OK):
        raise InputError(f"{out} cannot be written; choose a folder inside one that can")
    return target


def _read(path):
    """A notebook's JSON. Raises `InputError` for what is none, or was not executed."""
    try:
        book = json.loads(path.read_text(encoding="utf-8"))
        code = [cell for cell in book["cells"] if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]
        executed = all(cell["execution_count"] for cell in code)
    except (OSError, ValueError, LookupError, TypeError):
        raise InputError(
            f"{path.name} is no notebook; make it with: medtutor notebooks build {path.name[:2]}"
        ) from None
    if not executed:
        raise InputError(f"{path.name} was not executed; run: medtutor notebooks build {path.name[:2]}")
    return book


def _pages(folder, books):
    """{lesson's number: file} of the runs' pages."""
    if folder is None:
        return {}
    root = resolve(folder)
    runs = {path.stem: path for path in sorted(root.glob("*.html"))}
    if not runs:
        raise InputError(
            f"{folder} holds no pages; make one for a lesson with: medtutor page RUN --out {folder}/09.html"
        )
    for number in runs:
        if number not in books:
            raise unknown("lesson of a page", number, list(books))
        if not any(_shows_explorer(cell) for cell in books[number]["cells"]):
            raise InputError(f"lesson {number} has no attribution explorer; take {number}.html out of {folder}")
    return runs


def _shows_explorer(cell):
    return cell["cell_type"] == "code" and EXPLORER in "".join(cell["source"])


def _prepare(book, stems, page):
    """Links between lessons lead to pages; the first still of an attribution explorer becomes the run's page."""
    for cell in book["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = LINK.sub(
                lambda found: _link(found[2], found[3], found[1], stems, found[4]), "".join(cell["source"])
            )
        elif page and _shows_explorer(cell):
            cell["outputs"] = [_frame(page)]
            page = None
        for output in cell.get("outputs", []):
            if "text/html" in output.get("data", {}):
                output["data"]["text/html"] = OUTPUT_LINK.sub(
                    lambda found: _link(found[1], found[2], found[3], stems), "".join(output["data"]["text/html"])
                )


def _link(stem, heading, words, stems, title=None):
    """A link to a lesson's page; the words alone where this site leaves the lesson out."""
    from docutils.nodes import make_id

    if stem not in stems:
        return words
    place = f"#{make_id(unquote(html.unescape(heading)))}" if heading else ""
    meaning = html.escape(re.sub(r"\\(.)", r"\1", title)) if title else ""
    about = f' title="{meaning}"' if title else ""
    return f'<a href="{stem}.html{place}"{about}>{words}</a>'


def _frame(number):
    shown = (
        f'<p>A network that this page computes with, on your own machine. <a href="pages/{number}.html">Open it'
        f" alone</a>. Its images and their licence are named on it; {NOT_CLINICAL}.</p>"
        f'<iframe class="medtutor-run" src="pages/{number}.html" loading="lazy" title="A run that explains'
        ' itself: images, maps and settings"></iframe>'
    )
    return {
        "output_type": "display_data",
        "metadata": {},
        "data": {"text/html": shown, "text/plain": "a run that explains itself"},
    }


def _index(notebooks, chosen):
    """The start page: the README's table of lessons, with links."""
    readme = notebooks.parent / "README.md"
    about = {}
    if readme.is_file():
        about = {number: words for number, _, words in ROW.findall(readme.read_text(encoding="utf-8"))}
    rows = [f"| [{number}]({path.name}) | {about.get(number, path.stem)} |" for number, path in chosen.items()]
    names = [path.stem for path in chosen.values()]
    return "\n".join(
        [
            "# Lessons",
            "",
            "The lessons as they were executed. To change and run them, install medtutor.",
            "",
            "| lesson | asks |",
            "|---|---|",
            *rows,
            "",
            "```{toctree}",
            ":hidden:",
            "",
            *names,
            "```",
            "",
        ]
    )


def _render(source, made, report):
    from sphinx.application import Sphinx
    from sphinx.errors import SphinxError
    from sphinx.util.docutils import docutils_namespace

    (source / "_static").mkdir()
    (source / "_static" / "medtutor.css").write_text(STYLE, encoding="utf-8")
    settings = {
        "project": "medtutor",
        "author": "the medtutor developers",
        "language": "en",
        "extensions": ["myst_nb", __name__],
        "nb_execution_mode": "off",
        "myst_enable_extensions": ["dollarmath"],
        "html_theme": "furo",
        "html_title": "medtutor",
        "html_static_path": [str(source / "_static")],
        "html_css_files": ["medtutor.css"],
        "html_math_renderer": "mathml",
        "html_copy_source": False,
        "html_show_sourcelink": False,
        "html_show_sphinx": False,
        "pygments_style": "a11y-high-contrast-light",
        "pygments_dark_style": "a11y-high-contrast-dark",
    }
    try:
        with docutils_namespace():
            app = Sphinx(source, None, made, made.parent / "trees", "html", settings, status=None, warning=None)
            names: list[str] = []

            def tell(_, name, *__):
                names.append(name)
                report(f"{name} …")

            app.connect("source-read", tell)
            app.build()
    except SphinxError as error:
        raise MedtutorError(f"the site could not be built: {error}") from error


def as_mathml(self, node, block=False):
    """A formula in MathML, which every browser shows without a script."""
    from docutils.nodes import SkipNode
    from latex2mathml.converter import convert

    made = convert(node.astext(), display="block" if block else "inline")
    label = html.escape(node.astext(), quote=True)
    tag = "div" if block else "span"
    # A wide formula is scrolled; the keyboard has to get to it.
    focus = f' tabindex="0" role="group" aria-label="formula: {label}"' if block else ""
    self.body.append(f'<{tag} class="math"{focus}>{made}</{tag}>')
    raise SkipNode


def _policy(app, page, template, context, doctree):
    tags = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    context["metatags"] = context.get("metatags", "") + tags


def setup(app):
    """Sphinx asks for it: formulas, and the policy of each page."""
    app.add_html_math_renderer("mathml", (as_mathml, None), (lambda self, node: as_mathml(self, node, True), None))
    app.connect("html-page-context", _policy)
    return {"parallel_read_safe": True}


def broken_links(folder: Path) -> list[str]:
    """What links within a site lead to nothing: "page: link" of each."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.html")}
    ids = {name: set(re.findall(r'\bid="([^"]+)"', text)) for name, text in texts.items()}
    problems = []
    for name, text in texts.items():
        for link in re.findall(r'<a\b[^>]*?\bhref="([^"]*)"', text):
            parts = urlsplit(html.unescape(link))
            if parts.scheme or parts.netloc:
                continue
            page = unquote(parts.path) or name
            if not (folder / page).is_file() or (parts.fragment and page in ids and parts.fragment not in ids[page]):
                problems.append(f"{name}: {link}")
    return problems
