"""Where does `deploy` begin?  Help and version are answered from the table; a command's module loads when called."""

from __future__ import annotations

import os
import sys

from deployer.cli import table


def main() -> int:
    """Run the command that the arguments name; the exit code."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["--complete"]:  # the scripts of `deploy completion` ask this at every press of Tab
        from deployer.cli import surroundings
        from deployer.cli.complete import answer

        surroundings.settle(os.environ)
        return answer(arguments[1:])
    before, words = table.split(arguments)
    if words[:1] == ["help"]:
        page = _page(words[1:])
        if page is not None:
            return page
        words = [*words[1:], "--help"] if words[1:] else []
        before = before if words else ["--help"]
    if {"-T", "--tasks"} & set(before) or words == ["commands"]:  # Capistrano's list of what there is
        return _say(table.overview())
    if "-h" in before or "--help" in before:
        return _say(table.overview())
    if "--version" in before or words == ["version"]:
        from deployer import __version__

        return _say(f"deploy {__version__}\n")
    if words and table.resolve(words) is None and table.below(words[0]) and {"-h", "--help"} & set(words[1:]):
        return _say(table.group(words[0]))
    if not arguments:
        sys.stderr.write(table.overview())
        return 2
    try:
        from deployer.cli import frame, surroundings

        surroundings.settle(os.environ)
        return frame.run(before, words)
    except KeyboardInterrupt:  # while modules were still being read: nothing was begun
        return 130


def _page(topic: list[str]) -> int | None:
    """Show the page that `deploy help TOPIC` asks for, or list them; None where that is a command, or nothing."""
    if topic and table.resolve(topic) is not None and "/" not in topic[-1]:
        return None
    from deployer.cli import pages

    if not topic:
        return _say(table.overview() + pages.listed())
    name = topic[-1].rpartition("/")[2].removesuffix(".md")
    page = pages.topics().get(name)
    return None if page is None else pages.show(page)


def _say(text: str) -> int:
    try:
        os.write(1, text.encode())
    except BrokenPipeError:  # `deploy --help | head -3`: nothing is wrong
        return 0
    except OSError as error:
        os.write(2, f"error: {error.strerror}\n".encode())
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
