"""Who deploys, as the ledger has it: a person at a machine, or the person and the run of a CI job."""

import pytest

from deployer.cli import caller


@pytest.mark.parametrize(
    ("environ", "who"),
    [
        (
            {"GITHUB_ACTIONS": "true", "GITHUB_ACTOR": "alice", "GITHUB_RUN_ID": "1234", "CI": "true"},
            "alice (GitHub run 1234)",
        ),
        ({"GITHUB_ACTIONS": "true", "GITEA_ACTIONS": "true", "GITHUB_ACTOR": "bob"}, "bob (Gitea)"),
        ({"GITLAB_CI": "true", "GITLAB_USER_LOGIN": "carol", "CI_JOB_ID": "99"}, "carol (GitLab run 99)"),
        ({"BUILDKITE": "true", "BUILDKITE_BUILD_CREATOR": "D\u00e9sir\u00e9e", "BUILDKITE_BUILD_NUMBER": "7"},
         "D\u00e9sir\u00e9e (Buildkite run 7)"),
        ({"GITHUB_ACTIONS": "true", "GITHUB_ACTOR": "a\x1b[31m\nb", "GITHUB_RUN_ID": "1"}, "a[31mb (GitHub run 1)"),
    ],
)  # fmt: skip
def test_a_ci_job_is_called_by_who_began_it_and_by_its_run(environ, who):
    assert caller.who(environ) == who


def test_a_job_that_does_not_say_who_began_it_has_the_machine_s_user():
    assert caller.who({"JENKINS_URL": "https://ci", "BUILD_TAG": "shop-7"}) == f"{caller.who({})} (Jenkins run shop-7)"


def test_elsewhere_it_is_the_user_at_the_machine():
    assert "@" in caller.who({"CI": "true"})
