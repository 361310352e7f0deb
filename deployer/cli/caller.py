"""Who deploys: the user at this machine, or the person and the run of a CI system that says so."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass

LONGEST = 120


@dataclass(frozen=True)
class System:
    """A CI system: the variable that marks its jobs, who began the job, and which run it is, the best name first."""

    name: str
    mark: str
    actors: tuple[str, ...]
    runs: tuple[str, ...]


SYSTEMS = (
    System("Forgejo", "FORGEJO_ACTIONS", ("GITHUB_ACTOR",), ("GITHUB_RUN_ID",)),
    System("Gitea", "GITEA_ACTIONS", ("GITHUB_ACTOR",), ("GITHUB_RUN_ID",)),
    System("GitHub", "GITHUB_ACTIONS", ("GITHUB_TRIGGERING_ACTOR", "GITHUB_ACTOR"), ("GITHUB_RUN_ID",)),
    System("GitLab", "GITLAB_CI", ("GITLAB_USER_LOGIN", "GITLAB_USER_EMAIL"), ("CI_JOB_ID", "CI_PIPELINE_ID")),
    System("CircleCI", "CIRCLECI", ("CIRCLE_USERNAME", "CIRCLE_PR_USERNAME"), ("CIRCLE_BUILD_NUM",)),
    System(
        "Buildkite", "BUILDKITE", ("BUILDKITE_BUILD_CREATOR", "BUILDKITE_BUILD_AUTHOR"), ("BUILDKITE_BUILD_NUMBER",)
    ),
    System("Azure", "TF_BUILD", ("BUILD_REQUESTEDFOR", "BUILD_REQUESTEDFOREMAIL"), ("BUILD_BUILDID",)),
    System("Bitbucket", "BITBUCKET_BUILD_NUMBER", ("BITBUCKET_STEP_TRIGGERER_UUID",), ("BITBUCKET_BUILD_NUMBER",)),
    System("Drone", "DRONE", ("DRONE_BUILD_TRIGGER", "DRONE_COMMIT_AUTHOR"), ("DRONE_BUILD_NUMBER",)),
    System("Woodpecker", "CI_PIPELINE_NUMBER", ("CI_PIPELINE_AUTHOR", "CI_COMMIT_AUTHOR"), ("CI_PIPELINE_NUMBER",)),
    System("Travis", "TRAVIS", (), ("TRAVIS_BUILD_NUMBER",)),
    System("TeamCity", "TEAMCITY_VERSION", (), ("BUILD_NUMBER",)),
    System("Jenkins", "JENKINS_URL", ("BUILD_USER_ID", "CHANGE_AUTHOR"), ("BUILD_TAG", "BUILD_NUMBER")),
)


def who(environ: Mapping[str, str]) -> str:
    """`alice@laptop`; in a CI job `alice (GitHub run 1234)`, as far as the system tells."""
    for system in SYSTEMS:
        if environ.get(system.mark):
            actor, run = _first(environ, system.actors), _first(environ, system.runs)
            return f"{actor or _local()} ({system.name}{f' run {run}' if run else ''})"
    return _local()


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    found = next((environ[name] for name in names if environ.get(name)), "")
    return "".join(char for char in found if char.isprintable())[:LONGEST].strip()


def _local() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        name = str(os.getuid())
    return f"{name}@{socket.gethostname()}"
