"""`medtutor explore`: the explorers of a saved run as a page without code, for a lecture."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import InputError
from ..files import resolve
from .common import command

SETTINGS = Path(__file__).parents[1] / "lab_settings"
TEMPLATE = "medtutor"
# Of the extensions of JupyterLab in an environment Voila needs the widgets' alone; others want parts of Lab that Voila
# does not have.
WIDGETS = "@jupyter-widgets/jupyterlab-manager"
CELL = """\
from medtutor import explorers
from medtutor.cli.explore import read

explorers.lecture(*read({run!r}, {root!r}), {only!r})
"""


def add(commands):
    """Declares the command."""
    explore = command(
        commands, "explore", explore_command, "the explorers of a run as a page without code", json_output=False
    )
    explore.add_argument("run", help="folder of a run, or of a GAN's generator")
    explore.add_argument(
        "--only", metavar="NAME", help="one of them, such as attention; left out: all that fit the run"
    )
    explore.add_argument("--root", help="folder to look for its data in first")
    explore.add_argument("--port", type=int, default=8866, help="of this machine, at which the page is served (8866)")
    explore.add_argument("--no-browser", action="store_true", help="open no browser: the address is printed")


def explore_command(options):
    try:
        import voila  # noqa: F401
    except ImportError:
        raise InputError('Voila is not installed; run: pip install "medtutor[course]"') from None
    if not 1 <= options.port <= 65535:
        raise InputError(f"--port must be 1 to 65535, not {options.port}")

    import nbformat

    from ..explorers.lecture import fitting

    # What can be wrong is found before a server starts.
    run, dataset = read(options.run, options.root)
    fitting(run, dataset, options.only)
    title = run.card.title if dataset is not None else "Generator"
    cell = CELL.format(run=_absolute(options.run), root=options.root and _absolute(options.root), only=options.only)
    with TemporaryDirectory() as folder:
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell)], metadata={"kernelspec": _kernel(), "title": title}
        )
        nbformat.write(notebook, Path(folder) / "run.ipynb")
        return subprocess.run(_start(folder, options), env=_environment(folder)).returncode


def read(folder, root=None):
    """(run, its data set) of a folder; (`GANRun`, None) of a generator's, which keeps no name of a data set."""
    from ..training import Run
    from ..training.gan_run import GANRun, gan_folder

    if os.path.isfile(gan_folder(folder).manifest):
        return GANRun.load(folder), None
    run = Run.load(folder)
    return run, run.dataset(root)


def _absolute(folder):
    """As Voila's kernel finds it, which starts in a folder of its own."""
    return str(resolve(folder).absolute())


def _kernel():
    return {"name": "python3", "display_name": "Python 3", "language": "python"}


def _start(folder, options):
    browser = ["--no-browser"] if options.no_browser else []
    denied = [name for name in _extensions() if name != WIDGETS]
    return [
        sys.executable,
        "-m",
        "voila",
        str(Path(folder) / "run.ipynb"),
        f"--port={options.port}",
        "--Voila.ip=127.0.0.1",
        "--Voila.port_retries=0",
        f"--template={TEMPLATE}",
        f"--VoilaConfiguration.extension_denylist={denied!r}",
        *browser,
    ]


def _environment(folder):
    """Nobody's own settings of Jupyter; our template; this Python's kernel."""
    private = {
        name: str(Path(folder) / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")
    }
    path = [str(SETTINGS), os.environ.get("JUPYTER_PATH", "")]
    return {**os.environ, **private, "JUPYTER_PATH": os.pathsep.join(filter(None, path))}


def _extensions():
    """Names of JupyterLab's extensions here."""
    from jupyter_core.paths import jupyter_path

    found = set()
    for folder in map(Path, jupyter_path("labextensions")):
        for manifest in (*folder.glob("*/package.json"), *folder.glob("@*/*/package.json")):
            found.add(manifest.parent.relative_to(folder).as_posix())
    return sorted(found)
