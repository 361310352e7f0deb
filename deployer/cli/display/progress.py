"""How do the events of a use case look while it works?

On a terminal one live line with the elapsed time, or one for each of several hosts, everything finished above them;
elsewhere plain lines, one when a step ends, and one when it begins if it takes long.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deployer.cli.display import steps
from deployer.cli.display.screen import Screen, colour_of
from deployer.cli.display.steps import Step
from deployer.cli.display.times import took
from deployer.cli.display.visible import one_line, output_line
from deployer.stages import events

if TYPE_CHECKING:
    from rich.live import Live

LONG = 2.0  # seconds after which a plain log says what is being waited for
SLOW = 5.0  # seconds after which it says what a step waits for
MOST_NAMED = 3  # hosts in a line that is about several
MOST_LINES = 9  # hosts that have a line each for every step, where no live line says who is at it
DONE, FAILED = "✓", "✗"


class Progress:
    """A report for the stages, safe to call from several threads.

    `hosts` are the names of those that the command is for, once they are known; with fewer than two no step's line
    begins with a name.  `clock` gives seconds, and never goes back.
    """

    def __init__(self, screen: Screen, clock: Callable[[], float] = time.monotonic) -> None:
        self.hosts: Sequence[str] = ()
        self.clock = clock
        self._screen = screen
        self._lock = threading.RLock()
        self._steps: dict[str, Step] = {}  # the newest step of each host, and of the target as a whole ('')
        self._ended: dict[str, list[tuple[str, Step, str]]] = {}  # by text, what is not told yet: host, step, its end
        self._announced: set[tuple[str, str]] = set()
        self._live: Live | None = None
        self._timer: threading.Timer | None = None
        self._slow: threading.Timer | None = None

    def report(self, event: events.Event) -> None:
        """Show `event`."""
        with self._lock:
            if event.kind == events.WARNING:
                self._screen.warn(_named(event.host, event.text))
            elif self._screen.quiet:
                return
            elif event.kind == events.STEP:
                self._end(event.host)
                self._steps[event.host] = Step(event.text, self.clock())
                self._begin()
            elif event.kind in (events.DONE, events.FAILED):
                self._close(event)
            elif event.kind == events.PHASE:
                self._wait(event)
            elif event.kind == events.OUTPUT:
                self._announce()
                self._screen.say(f"  {event.host + ': ' if event.host else ''}{output_line(event.text)}", "dim")
            else:
                self._screen.say(_named(event.host, event.text))

    def finish(self) -> None:
        """End the steps whose end nobody told: all went well."""
        with self._lock:
            for host in list(self._steps):
                self._end(host)

    def give_up(self, *, interrupted: bool = False) -> None:
        """Name the steps that had begun and did not end."""
        how, colour = ("interrupted", "yellow") if interrupted else ("failed", "red")
        with self._lock:
            for text, hosts in self._open().items():
                began = min(self._steps[host].began for host in hosts)
                self._say(hosts, f"{text} ... {how} after {took(self.clock() - began)}", colour, mark=FAILED)
            self._steps.clear()

    def stop(self) -> None:
        """Take the live lines away: before the answer, and before a stream has the terminal for itself."""
        with self._lock:
            live, self._live = self._live, None
            self._screen.above = None
            for timer in filter(None, (self._timer, self._slow)):
                timer.cancel()
            self._timer = self._slow = None
        if live is not None:
            live.stop()

    def _open(self) -> dict[str, list[str]]:
        """The steps under way, by their text, with the hosts that are at them."""
        found: dict[str, list[str]] = {}
        for host, step in self._steps.items():
            if step.ended is None:
                found.setdefault(step.text, []).append(host)
        return found

    def _end(self, host: str) -> None:
        """A host does one step after another: the next one ends the one before it."""
        step = self._steps.get(host)
        if step and step.ended is None:
            self._close(events.Event(events.DONE, step.text, host))

    def _close(self, event: events.Event) -> None:
        """End a step; `event` may tell more than its name: `… (done before)`."""
        step = self._steps.get(event.host)
        if step is None or step.ended is not None or not event.text.startswith(step.text):
            self._say([event.host], event.text)
            return
        step.ended, step.failed = self.clock(), event.kind == events.FAILED
        spent = took(step.ended - step.began)
        if step.failed:
            self._say([event.host], f"{event.text} ... failed after {spent}", "red", mark=FAILED)
        elif len(self.hosts) < 2 or not event.host or not (self._screen.live or len(self.hosts) > MOST_LINES):
            self._say([event.host], f"{event.text} ... {spent}", mark=DONE)
        else:
            self._ended.setdefault(step.text, []).append((event.host, step, event.text))
        open_ = self._open()
        if step.text not in open_ and step.text in self._ended:
            self._tell(step.text)
        if not open_:
            self.stop()

    def _tell(self, text: str) -> None:
        """One line for a step that all who began it have ended; their own lines have done their work."""
        ended = self._ended.pop(text)
        for host, step, _ in ended:
            if self._steps.get(host) is step:
                del self._steps[host]
        spent = max(step.ended or 0 for _, step, _ in ended) - min(step.began for _, step, _ in ended)
        told = {said for _, _, said in ended}
        hosts = [host for host, _, _ in ended]
        self._say(hosts, f"{told.pop() if len(told) == 1 else text} ... {took(spent)}", mark=DONE)

    def _say(self, hosts: Sequence[str], text: str, style: str = "", *, mark: str = "") -> None:
        names = ""
        if len(hosts) > MOST_NAMED:
            names = f"{len(hosts)} hosts"
        elif len(self.hosts) > 1:
            names = ", ".join([host for host in self.hosts if host in hosts] or filter(None, hosts))
        self._screen.say(_named(names, text), style, mark=mark)

    def _wait(self, event: events.Event) -> None:
        """What the newest step of a host waits for; a plain log has it when that takes long."""
        step = self._steps.get(event.host)
        if step is None or step.ended is not None:
            return
        step.phase, step.since, step.of = event.text, self.clock() - event.spent, event.of
        if not self._screen.live and (self._slow is None or not self._slow.is_alive()):
            self._slow = _later(SLOW, self._tell_waits)

    def _tell_waits(self) -> None:
        """Say in a plain log what has been waited for so long that somebody may wonder; each once."""
        with self._lock:
            now = self.clock()
            waiting = [(host, step) for host, step in self._steps.items() if step.waits(now)]
            for host, step in waiting:
                if now - step.since >= SLOW and (step.phase, host) not in self._announced:
                    self._announced.add((step.phase, host))
                    self._say([host], step.waits(now))
            if any((step.phase, host) not in self._announced for host, step in waiting):
                self._slow = _later(SLOW, self._tell_waits)

    def _begin(self) -> None:
        if not self._screen.live:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = _later(LONG, self._announce)
        elif self._live is None:
            self._go_live()

    def _announce(self) -> None:
        """Say which steps are under way, where no live line says it; each once."""
        with self._lock:
            if self._screen.live:
                return
            for text, at_it in self._open().items():
                hosts = [host for host in at_it if (text, host) not in self._announced]
                self._announced.update((text, host) for host in hosts)
                if hosts:
                    self._say(hosts, f"{text} ...")

    def _go_live(self) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        console = Console(file=self._screen.err, highlight=False, markup=False, emoji=False)
        marks = steps.PRETTY if (console.encoding or "").startswith("utf") else steps.PLAIN

        def lines() -> Text:
            # a copy, and no lock: whoever reports holds ours and waits for rich's, which holds it when it asks here
            now, width, height = self.clock(), console.width, max(console.height - 2, 1)
            shown = steps.live(dict(self._steps), self.hosts, marks=marks, now=now, width=width, height=height)
            return Text("\n").join(Text(line, style="red" if step.failed else "") for step, line in shown)

        self._live = Live(
            console=console,
            get_renderable=lines,
            transient=True,
            refresh_per_second=steps.TURNS,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

        def above(text: str, style: str, mark: str) -> None:
            line = Text.assemble((f"{mark} ", colour_of(mark)), (text, style)) if mark else Text(text, style=style)
            console.print(line, soft_wrap=True)

        self._screen.above = above


@contextmanager
def shown(screen: Screen) -> Iterator[Progress]:
    """A progress that is off the screen again when the command ends; what did not finish is named."""
    progress = Progress(screen)
    try:
        yield progress
        progress.finish()
    except BaseException as error:
        progress.give_up(interrupted=isinstance(error, KeyboardInterrupt))
        raise
    finally:
        progress.stop()


def _later(seconds: float, what: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(seconds, what)
    timer.daemon = True
    timer.start()
    return timer


def _named(host: str, text: str) -> str:
    return f"{one_line(host)}: {one_line(text)}" if host else one_line(text)
