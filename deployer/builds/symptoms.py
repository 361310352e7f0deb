"""Symptoms: what a program printed before it failed, and the advice that goes with it.

An advice is a hint for a person, beside the raw output; nothing is ever decided by it.  A table is a tuple of
`Symptom`s: the first one that is seen and has something to say is heard.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Advice = Callable[[re.Match[str], "Facts"], str]
# what stands before the name that a shell complains of
SHELL = r"^.*?\b(?:sh|bash|dash): (?:line )?(?:[0-9]+: )?(?:exec: )?(?:line [0-9]+: )?"
NOT_FOUND = SHELL + r"(?P<name>[\w.+-]+): (?:command )?not found"
KINDS = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")


@dataclass(frozen=True)
class Facts:
    """What is known of the app: its files' paths, their text ('' where it cannot be had), its commands by type.

    `target` is the name of the target that it was to run on, '' in a build.
    """

    paths: frozenset[str] = frozenset()
    read: Callable[[str], str] = lambda _: ""
    commands: Mapping[str, str] = field(default_factory=dict)
    target: str = ""

    def package(self) -> Mapping[str, Any]:
        """The package.json at the top; {} where there is none."""
        try:
            found = json.loads(self.read("package.json") or "{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def scripts(self) -> Mapping[str, str]:
        """The scripts of package.json."""
        found = self.package().get("scripts")
        return {k: v for k, v in found.items() if isinstance(v, str)} if isinstance(found, dict) else {}

    def needs(self, name: str) -> str:
        """Which list of package.json names this package: `dependencies`, `devDependencies` …, or ''."""
        package = self.package()
        return next((kind for kind in KINDS if isinstance(package.get(kind), dict) and name in package[kind]), "")


@dataclass(frozen=True)
class Symptom:
    """A sign in the output (a regular expression) and its advice.

    The advice is a sentence, in which `{name}` stands for a group of the expression, or a function of the match and
    the facts that may say '' where the sign means something else.
    """

    sign: str
    advice: str | Advice

    def told(self, text: str, facts: Facts) -> str:
        """The advice for this output, or ''; of several places the last one counts, which is nearest to the end."""
        for match in reversed(list(re.finditer(self.sign, text, re.MULTILINE))):
            said = self.advice
            told = said.format(**match.groupdict()) if isinstance(said, str) else said(match, facts)
            if told:
                return told
        return ""


def lacking(variable: str, advice: Advice) -> tuple[Symptom, ...]:
    """What programs say where a variable is not set; `variable` is the expression of its name, the group `name`."""
    is_not = r"(?:not (?:set|defined|provided)|required|missing|undefined|empty|set|defined|provided)\b"
    signs = (
        rf"^KeyError: ['\"]{variable}['\"]",
        rf"Environment variable not found: {variable}",
        rf"Set the {variable} environment variable",
        rf"{variable} not found\. Declare it as envvar",
        rf"The {variable} setting must not be empty",
        rf"[Mm]issing (?:required )?(?:env(?:ironment)?(?: var(?:iable)?s?)?)[^\n]{{0,20}}?\b{variable}\b",
        rf"\b{variable}\b[\"'`]? (?:(?:environment )?variable )?(?:is|was|must be|has to be) {is_not}",
        rf"Invalid environment variables[^\n]*\n?[^\n]{{0,80}}?\b{variable}\b",
        rf"^\S*sh: (?:line )?(?:[0-9]+: )?{variable}: (?:unbound variable|parameter not set)",
    )
    return tuple(Symptom(sign, advice) for sign in signs)


def advice(text: str, table: Iterable[Symptom], facts: Facts) -> str:
    """What to do about it, by the first symptom of the table that has something to say; '' if none has."""
    return next((told for symptom in table if (told := symptom.told(text, facts))), "")


def before(told: str, hint: str) -> str:
    """The advice, and after it the hint that there was already."""
    return "; ".join(part for part in (told, hint) if part)
