"""Which variable a process missed, told from what it wrote."""

import pytest

from deployer.stages.check.missing import named

SAID = {
    "KeyError: 'SECRET_KEY'": ["SECRET_KEY"],
    "KeyError: 'x'": [],
    "django.core.exceptions.ImproperlyConfigured: Set the DATABASE_URL environment variable": ["DATABASE_URL"],
    "decouple.UndefinedValueError: API_TOKEN not found. Declare it as envvar or define a default value.": ["API_TOKEN"],
    "Error: Missing required environment variable: REDIS_URL": ["REDIS_URL"],
    "sh: 1: BROKER_URL: parameter not set": ["BROKER_URL"],
    'environment variable "MAIL_HOST" must be set': ["MAIL_HOST"],
    "TypeError: process.env.STRIPE_KEY is undefined": ["STRIPE_KEY"],
    "panic: S3_BUCKET is not set": ["S3_BUCKET"],
    'KeyError: fetch\': key not found: "RAILS_MASTER_KEY" (KeyError)': ["RAILS_MASTER_KEY"],
    "ERROR: connection to /var/lib/DATA/x refused": [],
    "ERROR: PORT not set": [],
    "OSError: [Errno 98] Address already in use": [],
    "FileNotFoundError: [Errno 2] No such file or directory: 'README'": [],
}


@pytest.mark.parametrize("line", SAID)
def test_a_line_names_what_is_missing(line):
    assert named(["Traceback (most recent call last):", line], ["PORT"]) == SAID[line]


def test_what_was_given_is_not_missing():
    assert named(["SECRET_KEY is required"], ["SECRET_KEY"]) == []


def test_what_a_lookup_failed_for_comes_first():
    assert named(["TOKEN_A is not set", "KeyError: 'TOKEN_B'"], []) == ["TOKEN_B", "TOKEN_A"]
