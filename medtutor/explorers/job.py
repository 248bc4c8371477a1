"""A slow computation beside the widget, with its progress and a button that stops it."""

import html
import threading

import ipywidgets


class Stopped(BaseException):
    """The user pressed stop. Like `KeyboardInterrupt` no `Exception`, so that nothing on the way catches it."""


class Job:
    """One computation at a time, in a thread: while the kernel computes in its own, it hears no button.

    box       the widgets to put into an explorer: stop, bar, words
    stop      Button
    progress  FloatProgress, 0…1
    """

    def __init__(self):
        self.stop = ipywidgets.Button(description="stop", icon="stop", layout={"width": "6em"})
        self.progress = ipywidgets.FloatProgress(
            min=0.0, max=1.0, description="progress", layout={"width": "16em", "max_width": "98%"}
        )
        self._words = ipywidgets.HTML()
        self.box = ipywidgets.HBox(
            [self.stop, self.progress, self._words], layout=ipywidgets.Layout(flex_flow="row wrap", align_items="center")
        )
        self._thread, self._wanted = None, threading.Event()
        self.stop.on_click(lambda _: self.cancel())

    @property
    def running(self):
        return self._thread is not None and self._thread.is_alive()

    def start(self, work):
        """Begin `work(tell)`; one that still runs is stopped first.

        work calls tell(share, words), share 0…1 of it done, as often as it can: that
        is where it ends when the user has pressed stop. Errors are its own affair.
        """
        self.cancel()
        self._wanted.clear()
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def cancel(self):
        """Stop what runs, and wait until it has stopped."""
        if self._thread is not threading.current_thread() and self.running:
            self._wanted.set()
            self._thread.join()

    def wait(self):
        """Wait until what runs has ended by itself."""
        if self.running:
            self._thread.join()

    def _run(self, work):
        try:
            self._tell(0.0, "computing")
            work(self._tell)
        except Stopped:
            self._say("stopped")
        else:
            self._say("done")
        self.progress.value = 0.0

    def _tell(self, share=None, words=None):
        if self._wanted.is_set():
            raise Stopped
        if share is not None:
            self.progress.value = min(share, 1.0)
        if words is not None:
            self._say(words)

    def _say(self, words):
        self._words.value = f'<span role="status">{html.escape(words)}</span>'
