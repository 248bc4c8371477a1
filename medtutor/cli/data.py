"""`medtutor data`: what data sets there are; fetch one; delete what was decoded of a large one."""

from .common import OneLineParser, print_json


def add(commands):
    """Declares the commands."""
    data = commands.add_parser("data", help="what data sets there are; fetch one; clean up")
    data_commands = data.add_subparsers(required=True, metavar="list | fetch | clean", parser_class=OneLineParser)
    for name, function, summary in (
        ("list", data_list, "what data sets there are, and where"),
        ("fetch", data_fetch, "fetch a data set, with its MD5 checked"),
        ("clean", data_clean, "delete the decoded copies of a data set larger than memory; its files stay"),
    ):
        sub = data_commands.add_parser(name, help=summary, description=summary)
        sub.set_defaults(command=function)
        sub.add_argument("--root", help="folder to look in first and to fetch to")
        sub.add_argument("--json", action="store_true", help="print one JSON object")
        sub.add_argument("--debug", action="store_true", help="show tracebacks")
        if name in ("fetch", "clean"):
            sub.add_argument("name", help="such as pneumoniamnist")
            usual = "28 (default)" if name == "fetch" else "all (default), 28"
            sub.add_argument("--size", type=int, help=f"pixels: {usual}, 64, 128 or 224 (3-D: 28 or 64)")


def data_list(options):
    from ..data import catalog
    from ..data.loading import copies, find
    from ..data.phantoms import NAMES

    rows = []
    for name in catalog.names():
        card = catalog.card(name)
        found = {size: find(name, size, options.root) for size in catalog.sizes(name)}
        rows.append(
            {
                "name": name,
                "modality": card.modality,
                "task": card.task,
                "classes": list(card.classes),
                "cases": catalog.counts(name),
                "sizes": list(catalog.sizes(name)),
                "on_disk": {size: str(path) for size, path in found.items() if path},
                "decoded": {
                    size: [str(copy) for copy in there]
                    for size in catalog.sizes(name)
                    if (there := copies(name, size, options.root))
                },
                "phantom": name in NAMES,
                "licence": card.licence,
            }
        )
    if options.json:
        print_json({"datasets": rows})
        return 0
    print(
        f"{'name':17}{'modality':27}{'task':12}{'classes':>8}{'train':>8}{'val':>7}{'test':>7}"
        "  sizes (px); * on disk, + decoded copy"
    )
    for row in rows:
        sizes = " ".join(
            f"{size}{'*' if size in row['on_disk'] else ''}{'+' if size in row['decoded'] else ''}"
            for size in row["sizes"]
        )
        cases = row["cases"]
        print(
            f"{row['name']:17}{row['modality']:27}{row['task']:12}{len(row['classes']):8}"
            f"{cases['train']:8}{cases['val']:7}{cases['test']:7}  {sizes}"
        )
    print(
        "\nLicence CC BY 4.0, dermamnist CC BY-NC 4.0, hippocampus CC BY-SA 4.0 (cases are volumes, images 56 x 40)."
        " Fetch one: medtutor data fetch NAME [--size S]."
        " A decoded copy (of a set larger than memory) goes with: medtutor data clean NAME"
    )
    return 0


def data_fetch(options):
    from ..data.catalog import publisher
    from ..data.loading import fetch_set, find, load

    found = find(options.name.strip().lower(), options.size, options.root) if options.name else None
    path = found or fetch_set(options.name, options.size, options.root)
    # Decoding checks the MD5 and the arrays.
    dataset = load(options.name, options.size, source=publisher(options.name), root=path.parent)
    if options.json:
        print_json({"name": dataset.card.name, "size": dataset.card.size, "path": str(path), "fetched": found is None})
    else:
        print(f"{dataset}\n{'was on disk' if found else 'fetched to'}: {path}")
    return 0


def data_clean(options):
    from ..data import catalog
    from ..data.loading import copies
    from ..data.sources.decoded import remove
    from ..errors import MedtutorError

    sizes = catalog.sizes(options.name) if options.size is None else (options.size,)
    found = [copy for size in sizes for copy in copies(options.name, size, options.root)]
    for copy in found:
        try:
            remove(copy)
        except OSError as error:
            raise MedtutorError(f"{copy} cannot be deleted ({error.strerror or error}); make it writable") from error
    if options.json:
        print_json({"name": catalog.check_name(options.name), "deleted": [str(copy) for copy in found]})
    else:
        print("\n".join(f"deleted: {copy}" for copy in found) or f"there is no decoded copy of {options.name}")
    return 0
