"""Names and states that ipywidgets leaves out, for screen readers and high contrast, added in the page.

There is no way to say these from the kernel. So a small style sheet stands in the box of each explorer, and when the
page has taken it, it runs a script (an HTML widget is put into the page as it is; a <script> would not run there).
Where a page forbids scripts, nothing happens: all works as before, without the names.

    sliders        get the name and the value that are written beside them
    toggle buttons say whether they are pressed, and of which group they are
    pictures       open large at a click; Esc or another click closes
    lists          have an arrow in the colour of their words: that of ipywidgets is dark in dark themes, too
    links          to a lesson open it in JupyterLab beside the notebook, at the paragraph
"""

import html

STYLE = """
.medtutor button:focus-visible, .medtutor a:focus-visible, .medtutor select:focus-visible {outline: 2px solid; \
outline-offset: 1px}
.medtutor .mod-active {box-shadow: inset 0 0 0 2px currentColor; font-weight: bold}
.medtutor a {text-decoration: underline}
.medtutor img {cursor: zoom-in}
.medtutor dialog img {cursor: zoom-out; width: auto !important; max-width: 95vw !important; max-height: 90vh; \
min-width: 60vw; object-fit: contain}
@media (forced-colors: none) {
  .medtutor .widget-dropdown > select {background: linear-gradient(45deg, transparent 50%, currentColor 50%) calc(100% \
- 12px) 50% / 5px 5px no-repeat, linear-gradient(135deg, currentColor 50%, transparent 50%) calc(100% - 7px) 50% / \
5px 5px no-repeat var(--jp-widgets-input-background-color, transparent)}
}
@media (forced-colors: active) {
  .medtutor .mod-active {forced-color-adjust: none; background: Highlight !important; color: HighlightText !important}
  .medtutor .noUi-handle, .medtutor .noUi-connect {forced-color-adjust: none; background: ButtonText !important; \
border: 1px solid ButtonText}
}
"""

# Two attributes are set only where they differ, or the observer would hear itself for ever.
# JupyterLab goes to a heading only in a notebook that is open already: where it has to open it, it is asked again.
SCRIPT = """
const box = this.closest('.medtutor');
if (box && !box.medtutorNamed) {
  box.medtutorNamed = true;
  const put = (e, name, value) => { if (e && value && e.getAttribute(name) !== value) e.setAttribute(name, value); };
  const text = e => e ? e.textContent.trim() : '';
  const name = () => {
    for (const handle of box.querySelectorAll('.noUi-handle, .ui-slider-handle')) {
      let row = handle.closest('.jupyter-widgets');
      while (row && row !== box && !row.querySelector('label, .widget-label')) row = row.parentElement;
      if (!row || row === box) continue;
      put(handle, 'aria-label', text(row.querySelector('label, .widget-label')));
      put(handle, 'aria-valuetext', text(row.querySelector('.widget-readout')));
      if (handle.classList.contains('ui-slider-handle')) put(handle, 'role', 'slider');
    }
    for (const group of box.querySelectorAll('.widget-toggle-buttons')) {
      put(group, 'role', 'group');
      put(group, 'aria-label', text(group.querySelector('.widget-label')));
    }
    for (const button of box.querySelectorAll('.widget-toggle-button'))
      put(button, 'aria-pressed', String(button.classList.contains('mod-active')));
    for (const bar of box.querySelectorAll('.progress, .widget-progress [role=progressbar]')) {
      put(bar, 'role', 'progressbar');
      put(bar, 'aria-label', 'progress');
    }
  };
  const lead = (link, first) => {
    const here = decodeURIComponent(location.pathname).match(/\\/lab\\/(?:.*?\\/)?tree\\/(.*\\/)?[^/]*$/);
    if (!here) return;
    const [file, heading] = link.getAttribute('href').split('#').map(decodeURIComponent);
    link.dataset.commandlinkerCommand = 'rendermime:handle-local-link';
    link.dataset.commandlinkerArgs = JSON.stringify({path: (here[1] || '') + file, id: '#heading=' + heading});
    const panel = () => document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden)'), mine = panel();
    let times = first ? 50 : 0;
    const again = () => {
      if (panel() !== mine && panel()?.querySelector('.jp-RenderedMarkdown *')) link.click();
      else if (times--) setTimeout(again, 200);
    };
    if (first) setTimeout(again, 500);
  };
  let waits = false;
  new MutationObserver(() => {
    if (waits) return;
    waits = true;
    requestAnimationFrame(() => { waits = false; name(); });
  }).observe(box, {childList: true, subtree: true, characterData: true, attributes: true,
                   attributeFilter: ['class', 'aria-valuetext', 'aria-valuenow']});
  box.addEventListener('click', event => {
    const link = event.target.closest('a[href*=".ipynb#"]');
    if (link) lead(link, event.isTrusted);
    const image = event.target.closest('img');
    const open = event.target.closest('dialog');
    if (open) { open.close(); return; }
    if (!image) return;
    const large = document.createElement('dialog'), copy = image.cloneNode();
    large.setAttribute('aria-label', 'enlarged picture');
    large.append(copy);
    large.addEventListener('close', () => large.remove());
    box.append(large);
    large.showModal();
  });
  name();
}
"""
CLASS = "medtutor"


def mending():
    """The HTML that brings style and script into an explorer's box, which must have the class `CLASS`."""
    return f'<style onload="{html.escape(" ".join(SCRIPT.split()))}">{STYLE}</style>'
