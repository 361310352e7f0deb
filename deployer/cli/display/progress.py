"""How do the events of a use case look while it works?

On a terminal one live line with the elapsed time, everything finished above it; elsewhere plain lines, one when a
step ends, and one when it begins if it takes long.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from deployer.cli.display.columns import cut
from deployer.cli.display.screen import Screen
from deployer.cli.display.times import took
from deployer.cli.display.visible import one_line, output_line
from deployer.stages import events

if TYPE_CHECKING:
    from rich.live import Live

LONG = 2.0  # seconds after which a plain log says what is being waited for


class Progress:
    """A report for the stages, safe to call from several threads."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._lock = threading.RLock()
        self._open: dict[tuple[str, str], float] = {}  # the steps that have begun, and when
        self._announced: set[tuple[str, str]] = set()
        self._live: Live | None = None
        self._timer: threading.Timer | None = None

    def report(self, event: events.Event) -> None:
        """Show `event`."""
        with self._lock:
            step = (event.text, event.host)
            if event.kind == events.WARNING:
                self._screen.warn(_named(event))
            elif self._screen.quiet:
                return
            elif event.kind == events.STEP:
                self._end(event.host)
                self._open[step] = time.monotonic()
                self._begin()
            elif event.kind == events.DONE:
                began = self._ended(event)
                self._screen.say(_named(event) + (f" ... {took(time.monotonic() - began)}" if began else ""), "dim")
                if not self._open:
                    self.stop()
            elif event.kind == events.OUTPUT:
                self._announce()
                self._screen.say(f"  {event.host + ': ' if event.host else ''}{output_line(event.text)}", "dim")
            else:
                self._screen.say(_named(event))

    def finish(self) -> None:
        """End the steps whose end nobody told: all went well."""
        with self._lock:
            for host in {host for _, host in self._open}:
                self._end(host)

    def give_up(self) -> None:
        """Name the steps that had begun and did not end."""
        with self._lock:
            for (text, host), began in self._open.items():
                event = events.Event(events.STEP, text, host)
                self._screen.say(f"{_named(event)} ... not finished, {took(time.monotonic() - began)}", "dim")
            self._open.clear()

    def _end(self, host: str) -> None:
        """A host does one step after another: the next one ends the one before it."""
        for text, on in list(self._open):
            if on == host:
                self.report(events.Event(events.DONE, text, host))

    def _ended(self, event: events.Event) -> float | None:
        """When the step began that `event` ends; it may tell more than its name: `… (done before)`."""
        for text, host in self._open:
            if event.text.startswith(text) and host == event.host:
                return self._open.pop((text, host))
        return None

    def stop(self) -> None:
        """Take the live line away: before the answer, and before a stream has the terminal for itself."""
        with self._lock:
            live, self._live = self._live, None
            self._screen.above = None
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        if live is not None:
            live.stop()

    def _begin(self) -> None:
        if not self._screen.live:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(LONG, self._announce)
            self._timer.daemon = True
            self._timer.start()
        elif self._live is None:
            self._go_live()

    def _announce(self) -> None:
        """Say which steps are under way, where no live line says it; each once."""
        with self._lock:
            if self._screen.live:
                return
            for text, host in self._open:
                if (text, host) not in self._announced:
                    self._announced.add((text, host))
                    self._screen.say(_named(events.Event(events.STEP, text, host)) + " ...")

    def _go_live(self) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        console = Console(file=self._screen.err, highlight=False, markup=False, emoji=False)
        spinner = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏" if (console.encoding or "").startswith("utf") else "|/-\\"

        def line() -> Text:
            steps = list(self._open.items())
            if not steps:
                return Text()
            (text, host), began = steps[0]
            more = f" (and {len(steps) - 1} more)" if len(steps) > 1 else ""
            turn = spinner[int(time.monotonic() * 8) % len(spinner)]
            words = f"{turn} {_named(events.Event(events.STEP, text, host))}{more} ..."
            elapsed = took(time.monotonic() - began)
            return Text(f"{cut(words, max(console.width - len(elapsed) - 2, 10))} {elapsed}")

        self._live = Live(
            console=console,
            get_renderable=line,
            transient=True,
            refresh_per_second=8,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()
        self._screen.above = lambda text, style: console.print(Text(text, style=style), soft_wrap=True)


@contextmanager
def shown(screen: Screen) -> Iterator[Progress]:
    """A progress that is off the screen again when the command ends; what did not finish is named."""
    progress = Progress(screen)
    try:
        yield progress
        progress.finish()
    except BaseException:
        progress.give_up()
        raise
    finally:
        progress.stop()


def _named(event: events.Event) -> str:
    text = one_line(event.text)
    return f"{one_line(event.host)}: {text}" if event.host else text
