"""How the API reference is built: `make docs`, to docs/build/index.html."""

import re

project, author = "medtutor", "the medtutor developers"
extensions = ["sphinx.ext.autodoc", "sphinx.ext.viewcode"]
default_role = "code"
html_theme = "alabaster"
html_theme_options = {"description": "run the review", "fixed_sidebar": True}
html_show_sphinx = False
exclude_patterns = ["build"]
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_preserve_defaults = True
nitpicky = False

# A line of a list of parameters: one or more names, two blanks or more, what they mean.
NAMES = re.compile(r"^( *)((?:\*{0,2}[A-Za-z_]\w*)(?:, \*{0,2}[A-Za-z_]\w*)*)(?:  +(\S.*)|)$")
# What stays as it is: `code`, **names**, and lines of an example up to the next empty one.
QUOTED = re.compile(r"(`[^`]*`|\*\*[^\n]*?\*\*|^ *>>>.*?(?:\n\s*\n|\Z))", re.S | re.M)


def as_rst(lines):
    """Docstrings of ours as reStructuredText: lists of two columns become lists of definitions.

    The second column of an entry goes on in lines that are indented more than its name.
    """
    made, i = [], 0
    while i < len(lines):
        found = NAMES.match(lines[i])
        # Names alone on a line: what they mean begins below.
        if found and not found[3] and not (i + 1 < len(lines) and lines[i + 1].startswith(found[1] + "    ")):
            found = None
        if not found or lines[i].lstrip().startswith((">>>", "...")):
            made.append(lines[i])
            i += 1
            continue
        indent, names, words = found[1], found[2], found[3] or ""
        i += 1
        while i < len(lines) and lines[i].startswith(indent + "  ") and lines[i].strip():
            words += " " + lines[i].strip()
            i += 1
        if made and made[-1].strip() and not made[-1].startswith(indent + "  "):
            made.append("")
        made += [f"{indent}**{names.replace('*', chr(92) + '*')}**", f"{indent}  {words.strip()}", ""]
    return escaped("\n".join(made)).split("\n")


def escaped(text):
    """The text with what reStructuredText would take for marks, outside `code` and examples, written as it is."""
    parts = QUOTED.split(text)
    for k in range(2, len(parts), 2):
        if parts[k][:1].isalpha() and parts[k - 1].endswith("`"):
            parts[k] = "\\ " + parts[k]  # `Attribution`s
    for k in range(0, len(parts), 2):
        parts[k] = re.sub(r"(?<=\w)_(?=\W|$)", r"\\_", parts[k]).replace("|", "\\|")
        parts[k] = re.sub(r"(?<!\*)\*(?!\*)(?=\S)", r"\\*", parts[k])
    return "".join(parts)


def process(app, what, name, obj, options, lines):
    lines[:] = as_rst(lines)


def setup(app):
    app.connect("autodoc-process-docstring", process)
