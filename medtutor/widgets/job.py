"""A slow computation beside the widget, with its progress and a button that stops it."""

import html
import threading

import ipywidgets

AT_ONCE = 0.08  # seconds that a press of a button waits for what is quick


class Stopped(BaseException):
    """The user pressed stop. Like `KeyboardInterrupt` no `Exception`, so that nothing on the way catches it."""


class _Task:
    """One computation: what is to be done, what came of it, and whether it is still wanted."""

    def __init__(self, work, done, failed):
        self.work, self.done, self.failed = work, done, failed
        self.result = self.error = self.thread = None
        self.worked, self.stopped, self.reported = threading.Event(), False, False

    @property
    def wanted(self):
        return not (self.stopped or self.reported)

    def forget(self):
        """Let go of the explorer: a job's button, which ipywidgets keeps alive, holds its last task."""
        self.work = self.done = self.failed = self.result = self.error = None


class Job:
    """One computation at a time, in a thread: while the kernel computes in its own, it hears no button.

    box       the widgets to put into an explorer: stop, bar, words
    stop      Button; it answers at once, and the computation ends as soon as it can. What it still finds is dropped
    progress  FloatProgress, 0…1
    """

    def __init__(self, lock, always=True):
        """lock    an RLock, held while something is shown; whoever answers the user holds it, too
        always  whether the widgets are on the page also while nothing runs
        """
        self.stop = ipywidgets.Button(description="stop", icon="stop", layout={"width": "6em"})
        self.progress = ipywidgets.FloatProgress(
            min=0.0, max=1.0, description="progress", layout={"width": "16em", "max_width": "98%"}
        )
        self._words = ipywidgets.HTML()
        self.box = ipywidgets.HBox(
            [self.stop, self.progress, self._words],
            layout=ipywidgets.Layout(flex_flow="row wrap", align_items="center"),
        )
        self._task, self._lock, self._always = None, lock, always
        self._voice = threading.Lock()  # bar and words tell of the present task alone
        self.stop.on_click(lambda _: self.cancel())
        self._appear(False)

    @property
    def running(self):
        return self._task is not None and self._task.wanted

    def start(self, work, done, failed):
        """Begin `work(tell)`; one that still runs is no longer wanted.

        work    calls tell(share, words), share 0…1 of it done, as often as it can: that is where it ends when the user
                has pressed stop. It changes nothing that others see
        done    is called with what work returns, and shows it; not if it was stopped
        failed  is called with the error that work raises; not if it was stopped
        """
        self.cancel()
        task, before = _Task(work, done, failed), self._task
        task.thread = threading.Thread(target=self._run, args=(task, before and before.thread), daemon=True)
        with self._voice:
            self._task = task
            self._show(0.0, "computing")
        task.thread.start()
        if task.worked.wait(AT_ONCE):
            self._report(task)
        elif task.wanted:
            self._appear(True)

    def cancel(self):
        """What runs is no longer wanted. Nobody waits for it."""
        task = self._task
        if task is None or task.thread is threading.current_thread():
            return
        with self._voice:
            if task.wanted:
                task.stopped = True
                self._show(0.0, "stopped")
                self._appear(False)

    def wait(self):
        """Wait until nothing runs any more, not even what was stopped."""
        while self._task is not None and self._task.thread.is_alive():
            self._task.thread.join()

    def _run(self, task, before):
        if before is not None:
            before.join()  # two at once would take twice the memory, and the same random numbers
        try:
            self._tell(task)
            task.result = task.work(lambda share=None, words=None: self._tell(task, share, words))
        except Stopped:
            pass
        except Exception as error:
            task.error = error
        task.worked.set()
        with self._lock:
            self._report(task)
            task.forget()

    def _report(self, task):
        """Show what came of a task that is still wanted, once."""
        with self._lock:
            if not task.wanted:
                return
            task.reported = True
            with self._voice:
                if task is self._task:
                    self._show(0.0, "done" if task.error is None else "failed")
                    self._appear(False)
            if task.error is None:
                task.done(task.result)
            else:
                task.failed(task.error)

    def _tell(self, task, share=None, words=None):
        with self._voice:
            if task.stopped:
                raise Stopped
            self._show(share, words)

    def _appear(self, running):
        self.box.layout.display = None if running or self._always else "none"

    def _show(self, share, words):
        if share is not None:
            self.progress.value = min(share, 1.0)
        if words is not None:
            self._words.value = f'<span role="status">{html.escape(words)}</span>'
