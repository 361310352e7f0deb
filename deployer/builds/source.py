"""Which commit is meant, and what does the repository say of it?

The one module that imports GitPython, and only for the history of `deploy diff`: its import alone takes 0.2 s,
twice as long as a whole cache hit may.  Revisions are resolved and trees read by git's plumbing (`builds/git.py`).
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from deployer.builds.git import Git, GitFailed
from deployer.core.errors import BuildFailed, NotFound, UsageError

LONGEST_LOG = 500
MANY_COMMITS = 1000  # that git is asked about at once
FULL_ID = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?\Z")


@dataclass(frozen=True)
class Commit:
    """A commit of the app: `ref` is how it was named, `tree` the tree of the app's folder, `time` in Unix seconds."""

    id: str
    tree: str
    time: int
    subject: str
    ref: str


@dataclass(frozen=True)
class Between:
    """What lies between two commits: those only the newer has, those only the older has, as (id, subject)."""

    ahead: tuple[tuple[str, str], ...]
    behind: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Source:
    """An app's repository.  `prefix` is the app's folder in it (`` or `services/shop/`); no work tree if it is bare."""

    git: Git
    work_tree: Path | None
    prefix: str

    @cached_property
    def common_dir(self) -> str:
        """Where objects, submodules and LFS files are: another place than the git directory in a linked work tree."""
        answer = os.fsdecode(self.git("rev-parse", "--git-common-dir")).rstrip("\n")
        return os.path.normpath(answer if os.path.isabs(answer) else os.path.join(os.getcwd(), answer))

    def commit(self, ref: str = "HEAD") -> Commit:
        """The commit that a branch, a tag, an id or the beginning of one names; `NotFound` if none does."""
        if not ref or ref.startswith("-") or re.search(r"[\x00-\x20\x7f]", ref):
            raise UsageError(f"{ref!r} cannot be a commit", hint="name a branch, a tag or a commit")
        found = self.git.answers("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        if found is None:
            raise self._no_such(ref)
        commit = found.decode().strip()
        try:
            raw = self.git("cat-file", "commit", commit)
        except GitFailed as error:
            raise lacks(commit) from error
        head, _, message = raw.partition(b"\n\n")
        fields = dict(line.split(b" ", 1) for line in reversed(head.split(b"\n")) if b" " in line)
        when = re.search(rb"> (-?\d+) [+-]\d+$", fields[b"committer"])
        encoding = fields.get(b"encoding", b"utf-8").decode("ascii", "replace")
        return Commit(
            id=commit,
            tree=self._tree(commit, fields[b"tree"].decode()),
            time=max(int(when.group(1)), 0) if when else 0,
            subject=_subject(message, encoding),
            ref=os.fsencode(ref).decode(errors="backslashreplace"),  # it is told and kept, never used again
        )

    def file(self, commit: Commit, path: str) -> bytes | None:
        """The content of one file of the app in that commit, or None if there is no such file."""
        return self.git.answers("cat-file", "blob", f"{commit.tree}:{path}")

    def changes(self) -> list[str]:
        """The paths that differ from HEAD or are not in it (ignored ones aside): what a build will not contain."""
        if self.work_tree is None:
            return []
        said = self.git(
            f"--work-tree={self.work_tree}",
            *("status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=normal"),
            *("--ignore-submodules=dirty", "--", f"{self.work_tree}/{self.prefix}"),
            extra=self._without_filters,
        )
        return [os.fsdecode(line[3:]) for line in said.split(b"\0") if line]

    def subjects(self, commits: Sequence[str]) -> dict[str, str]:
        """The first lines of the messages of these full ids, of those that are here."""
        wanted = [commit for commit in commits if FULL_ID.match(commit)][:MANY_COMMITS]
        form = ("--no-walk=unsorted", "--ignore-missing", "--format=%H%x00%s", "--encoding=UTF-8")
        said = self.git.answers("log", *form, *wanted, "--") if wanted else None
        lines = (line.partition(b"\0") for line in (said or b"").splitlines())
        return {commit.decode(): _line(text) for commit, _, text in lines}

    def between(self, older: str, newer: str) -> Between:
        """The commits that only one of two full ids has, newest first; `NotFound` if the repository lacks one."""
        import git  # noqa: PLC0415 — 0.2 s, and only `deploy diff` asks for it

        for commit in (older, newer):
            if not FULL_ID.match(commit):
                raise UsageError(f"{commit!r} is not a full commit id", hint="")
            if self.git.answers("cat-file", "-e", f"{commit}^{{commit}}") is None:
                raise NotFound(f"this repository has no commit {commit[:12]}", hint="`git fetch` may bring it")
        with git.Repo(self.common_dir) as repository:
            environment = {**self.git.environment, "GIT_DIR": self.common_dir, "GIT_WORK_TREE": self.common_dir}
            with repository.git.custom_environment(**environment):
                ahead, behind = (
                    tuple(
                        (each.hexsha, _line(each.summary))
                        for each in repository.iter_commits(f"{lower}..{upper}", max_count=LONGEST_LOG)
                    )
                    for lower, upper in ((older, newer), (newer, older))
                )
        return Between(ahead, behind)

    @cached_property
    def _without_filters(self) -> dict[str, str]:
        """Environment that empties every filter of the repository's config: `git status` would run them."""
        listed = self.git.answers("config", "--list", "--includes", "--name-only", "-z") or b""
        names = {os.fsdecode(name) for name in listed.split(b"\0") if name.startswith(b"filter.")}
        drivers = {name.rpartition(".")[0] for name in names}
        settings = [(f"{d}.{key}", "") for d in sorted(drivers) for key in ("clean", "smudge", "process")]
        settings += [(f"{driver}.required", "false") for driver in sorted(drivers)]
        extra = {"GIT_CONFIG_COUNT": str(len(settings))}
        for number, (key, value) in enumerate(settings):
            extra.update({f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value})
        return extra

    def _tree(self, commit: str, root: str) -> str:
        if not self.prefix:
            return root
        found = self.git.answers("rev-parse", "--verify", "--quiet", f"{commit}:{self.prefix.rstrip('/')}")
        if found is None:
            raise NotFound(f"commit {commit[:12]} has no folder {self.prefix}", hint="was it committed there?")
        return found.decode().strip()

    def _no_such(self, ref: str) -> NotFound:
        listed = self.git.answers("for-each-ref", "--format=%(refname:lstrip=2)") or b""
        names = os.fsdecode(listed).split()
        if not names and ref == "HEAD":
            return NotFound("the repository has no commit yet", hint="`git add` and `git commit` first")
        if re.match(r"[0-9a-f]{4,}\Z", ref):
            same = (self.git.answers("rev-parse", f"--disambiguate={ref}") or b"").split()
            if len(same) > 1:
                return NotFound(f"{ref} is the beginning of {len(same)} objects", hint="give more digits of the commit")
        if os.path.exists(f"{self.common_dir}/shallow"):
            return NotFound(
                f"there is no branch, tag or commit {ref!r} in this shallow clone, which has only part of the history",
                hint="`git fetch --unshallow --tags` brings the rest; in CI say `fetch-depth: 0` (GitHub) or"
                " `GIT_DEPTH: 0` (GitLab)",
                details={"shallow": True},
            )
        remote = [name for name in names if name.endswith(f"/{ref}")]
        near = remote or difflib.get_close_matches(ref, names, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "`git branch -a` and `git tag` list what there is"
        return NotFound(f"there is no branch, tag or commit {ref!r}", hint=hint)


def find(folder: Path, environ: Mapping[str, str] = os.environ) -> Source:
    """The repository that the app's folder is in; `UsageError` if it is in none."""
    folder = folder.resolve()
    for place in (folder, *folder.parents):
        git_dir = git_directory(place / ".git")
        if git_dir:
            prefix = "" if place == folder else f"{folder.relative_to(place)}/"
            return Source(Git(git_dir, environ), place, prefix)
        if place == folder and _is_git_directory(place):
            return Source(Git(str(place), environ), None, "")
    raise UsageError(f"{folder} is not in a git repository", hint="builds are made of commits: `git init`, then commit")


def git_directory(dot_git: Path) -> str | None:
    """The git directory that `.git` is, or that it names where it is a file (work trees, submodules)."""
    if dot_git.is_file():
        kind, _, named = dot_git.read_text(errors="surrogateescape").partition(":")
        there = dot_git.parent / named.strip()
        return os.path.normpath(there) if kind == "gitdir" and there.is_dir() else None
    return str(dot_git) if _is_git_directory(dot_git) else None


def lacks(thing: str) -> BuildFailed:
    """The failure that says the repository has not all of the commit's objects."""
    return BuildFailed(
        f"the repository lacks object {thing}",
        hint="`git fetch --refetch --no-filter` brings what a partial clone (`--filter`) has left out, "
        "`git fetch --unshallow` what a shallow one has; else `git fsck` tells what is damaged",
    )


def _is_git_directory(folder: Path) -> bool:
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir()


def _subject(message: bytes, encoding: str) -> str:
    try:
        text = message.decode(encoding, "replace")
    except LookupError:
        text = message.decode("utf-8", "replace")
    return _line(text.strip().partition("\n")[0])


def _line(text: str | bytes) -> str:
    text = text.decode(errors="replace") if isinstance(text, bytes) else text
    return re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", text).strip()[:200]
