"""A page that was written, and how a notebook shows it: live in a frame, and as a still picture where there is none."""

import html
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from string import Template
from urllib.parse import quote

from IPython import get_ipython

from ..data import Dataset
from ..explorers import explore
from ..training.run import Run
from ..widgets.explorer import img, sentence

# Variables of hosts whose notebooks reach no file beside them: Colab, Kaggle, VS Code.
NO_FILES = ("COLAB_RELEASE_TAG", "KAGGLE_KERNEL_RUN_TYPE", "VSCODE_PID")
# A page tells its frame when it runs (shared.mjs). Where none does, since no script runs here or the file is missing,
# the still picture stays.
SHOWN = Template("""<div class="medtutor-page">
<script>
addEventListener('message', ({data, source}) => {
  if (data !== 'medtutor-page') return;
  for (const frame of document.querySelectorAll('.medtutor-page iframe')) {
    if (frame.contentWindow !== source) continue;
    frame.style.height = '760px';
    frame.nextElementSibling.hidden = true;
  }
});
</script>
<iframe title="$title" sandbox="allow-scripts" loading="lazy"
  style="display:block;width:100%;height:1px;border:0" $source></iframe>
<div>$still<p>$remedy</p></div>
<p>$size</p>
</div>""")


@dataclass(frozen=True, eq=False)
class Page:
    """A Run as one HTML file. As the last line of a cell it is shown live, in a frame.

    path          the file; the page itself can be given wherever a path is asked for
    run, dataset  of which it is
    inside        whether a notebook's output holds the page itself; see `embedded`

    The output holds a frame and a still picture, some tens of kilobytes: the frame shows the file, which stays
    beside the notebook. So it does in a saved notebook, without a kernel. On Colab, Kaggle and VS Code, where a
    frame reaches no file, the output holds the page, and says how large that is. Where no script runs (a notebook
    that is not trusted, GitHub) or the file is missing, the picture stays, with a sentence. The frame is a sandbox:
    its script reaches neither the notebook nor the server.

    Nothing comes back from it to Python. For that there are the explorers, which also need no library that JupyterLab
    and Colab do not bring; a widget around the page would need a kernel, where the frame does not.
    """

    path: Path
    run: Run = field(repr=False)
    dataset: Dataset = field(repr=False)
    inside: bool = False

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def bytes(self) -> int:
        """Of the file."""
        return self.path.stat().st_size

    def embedded(self) -> "Page":
        """The same page; a notebook's output then holds it, up to 6.5 MB, and goes anywhere without the file."""
        return replace(self, inside=True)

    def __str__(self) -> str:
        if not self.path.is_file():
            return f"{self.path} is there no more; write it again with medtutor.page"
        return f"{self.path}, {self.bytes / 1e6:.1f} MB; open it in a browser, or send it to somebody"

    def _repr_mimebundle_(self, include=None, exclude=None):
        if not self.path.is_file():
            return {"text/html": f"<p>{html.escape(str(self))}</p>", "text/plain": str(self)}
        name = html.escape(self.path.name)
        if self.inside or any(host in os.environ for host in NO_FILES):
            # In double quotes nothing else has to be written otherwise.
            text = self.path.read_text(encoding="utf-8").replace("&", "&amp;").replace('"', "&quot;")
            source, size = f'srcdoc="{text}"', f"{len(text) / 1e6:.1f} MB of this notebook are the page {name}."
            remedy = "run this cell"
        else:
            address = _from_notebook(self.path)
            source = f'src="{html.escape(address)}"'
            if "/" not in address:
                size = f"{name}, {self.bytes / 1e6:.1f} MB, lies beside this notebook: send both."
            else:
                size = f"{html.escape(str(self.path))}, {self.bytes / 1e6:.1f} MB, is needed as well, in that place."
            remedy = f"run this cell, with {name} beside the notebook, or end it with .embedded()"
        shown = SHOWN.substitute(
            title=html.escape(f"{self.run.model.name} on {self.dataset.title}: a network that explains itself"),
            source=source,
            still=_still(self.run, self.dataset),
            remedy=f"A still picture. The page itself shows in a notebook that is trusted: {remedy}. Any browser opens"
            f" {name}.",
            size=size,
        )
        return {"text/html": shown, "text/plain": str(self)}


def _from_notebook(path):
    """The address of a file, as the notebook that asks for it sees it."""
    shell = get_ipython()
    start = shell.starting_dir if shell else os.getcwd()  # a cell may have gone elsewhere since
    try:
        return quote(Path(os.path.relpath(os.path.realpath(path), os.path.realpath(start))).as_posix())
    except ValueError:  # another drive of Windows
        return path.absolute().as_uri()


def _still(run, dataset):
    """The explorer of the run as it begins, as HTML; or a sentence."""
    try:
        explorer = explore(run, dataset)
        picture = explorer.still(small=True)
        explorer.close()
    except Exception as error:  # the page may well work
        return f"<p>{html.escape(sentence(error))}</p>"
    return img(picture)
