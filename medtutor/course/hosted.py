"""Links that open a lesson on Colab and Kaggle, and the cell that sets medtutor up there.

Both come from one address in pyproject.toml, `Repository` under `[project.urls]`, of a public repository on GitHub.
Without it a lesson has neither: a link that leads nowhere is worse than none.
"""

import re
import tomllib
from pathlib import Path

from ..errors import InputError

BRANCH = "main"
# pip refuses rather than replace a torch or numpy that the host has loaded, or built its GPU's libraries for.
SETUP = """# Colab and Kaggle only: installs medtutor; torch and numpy stay as they are.
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

if {{"COLAB_RELEASE_TAG", "KAGGLE_KERNEL_RUN_TYPE"}} & set(os.environ):
    same = [f"{{name}}=={{version(name)}}\\n" for name in ("torch", "numpy")]
    Path("same.txt").write_text("".join(same))
    wanted = "medtutor[privacy,clinic] @ git+{address}"
    pip = [sys.executable, "-m", "pip", "install", "-q", "-c", "same.txt"]
    subprocess.run([*pip, wanted], check=True)"""
FIRST_LINE = SETUP.splitlines()[0]


def repository(root):
    """The address of the repository in a clone's pyproject.toml, or None where none is set.

    Raises `InputError` for one that Colab and Kaggle cannot open.
    """
    try:
        project = tomllib.loads((Path(root) / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    except FileNotFoundError:
        return None
    address = project.get("urls", {}).get("Repository")
    if address is not None and not re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+", address):
        raise InputError(
            f"pyproject.toml: Repository is {address!r}; write https://github.com/OWNER/NAME, or leave it out"
        )
    return address


def opening_cells(address, path):
    """(Markdown of the links, code of the set-up) for a lesson, `path` from the repository's root.

    >>> badges, setup = opening_cells("https://github.com/a/b", "notebooks/00_x.ipynb")
    >>> "colab.research.google.com/github/a/b/blob/main/notebooks/00_x.ipynb" in badges
    True
    """
    place = f"{address.removeprefix('https://github.com/')}/blob/{BRANCH}/{path}"
    badges = (
        "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
        f"(https://colab.research.google.com/github/{place})\n"
        "[![Open in Kaggle](https://kaggle.com/static/images/open-in-kaggle.svg)]"
        f"(https://kaggle.com/kernels/welcome?src=https://github.com/{place})"
    )
    return badges, SETUP.format(address=address)


def is_setup(code):
    """Whether a cell of code, a text or lines, is the set-up."""
    return "".join(code).startswith(FIRST_LINE)
