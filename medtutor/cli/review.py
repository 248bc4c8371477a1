"""`medtutor review`: a page that goes with the article; what it names and where that lives; works; flow diagrams."""

import sys

from ..errors import InputError
from .common import OneLineParser, command, print_json


def add(commands):
    """Declares the commands."""
    review = commands.add_parser(
        "review",
        help="a page that goes with the article; what it names and where that lives; its works; flow diagrams",
        description="Without a command: one page that goes with the article, as Markdown.",
    )
    review.set_defaults(command=review_page, json=False)
    review.add_argument("--debug", action="store_true", help="show tracebacks")
    parts = review.add_subparsers(metavar="coverage | literature | prisma", parser_class=OneLineParser)
    sub = command(parts, "coverage", review_coverage, "what the review names, and where in the course it lives")
    sub.add_argument("--markdown", action="store_true", help="as a table with links, as in the README")
    sub = command(parts, "literature", review_literature, "the works around the review, for a reference manager", False)
    sub.add_argument("--format", default="bib", help="bib (default), ris or csv")
    sub.add_argument("--out", metavar="FILE", help="write a file in place of printing")
    sub = command(parts, "prisma", review_prisma, "draw the PRISMA 2020 flow diagram of counts")
    sub.add_argument("counts", metavar="COUNTS.csv", help="PRISMA2020's CSV, or the id of a published flow: ali-2023")
    sub.add_argument("--out", required=True, metavar="FILE.svg", help="where the diagram goes")
    sub.add_argument("--title", default="", help="what the flow is of")


def review_page(options):
    from ..review import companion

    print(companion())
    return 0


def review_coverage(options):
    from ..review.coverage import as_markdown, as_text, coverage, missing

    rows = coverage()
    if options.json:
        fields = ("kind", "name", "lesson", "cell", "note", "is_there", "claims")
        print_json({"named": [{name: getattr(row, name) for name in fields} for row in rows]})
        return 0
    print(as_markdown(rows) if options.markdown else as_text(rows))
    for sentence in missing(rows):
        print(sentence, file=sys.stderr)
    return 0


def review_literature(options):
    from ..files import write_text
    from ..review import cite, works

    text = cite(works(), options.format)
    if options.out:
        write_text(options.out, text)
    else:
        print(text, end="")
    return 0


def review_prisma(options):
    from dataclasses import replace

    from ..review import draw_flow, flows, read_flow

    if not options.out.lower().endswith(".svg"):
        raise InputError(f"--out {options.out} must end in .svg; the diagram is an SVG file")
    published = flows()
    flow = published[options.counts] if options.counts in published else read_flow(options.counts)
    if options.title:
        flow = replace(flow, title=options.title)
    picture = draw_flow(flow)
    picture.save(options.out)
    if options.json:
        print_json({"out": options.out, "counts": dict(flow.counts), "title": flow.title, "alt": picture.alt})
    else:
        print(f"{options.out}: {picture.alt}")
    return 0
