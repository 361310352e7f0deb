"""The first run that fails says what is likely to be the cause and the line to write; the raw output stays."""

import json

from tests.apps.repository import commit

SETTINGS = """\
app: tiny
build: {pack: commands, commands: ["true"]}
processes:
  web: {boot_timeout: 60s, stop_timeout: 1s, healthy_time: 300ms}
"""


def test_each_usual_cause_of_a_failing_boot_is_told_with_the_line_to_write(deployed, tiny):
    tiny.settings(SETTINGS)
    (tiny.folder / "package.json").write_text(json.dumps({"scripts": {"start": "nodemon x", "start:prod": "node x"}}))
    commit(tiny.folder)
    for command, raw, line in (
        ("nodemon server.js", "nodemon: not found", "a Procfile with `web: node x`"),
        (
            "exec python3 -c 'import os; os.environ[\"API_KEY\"]'",
            "KeyError: 'API_KEY'",
            "`deploy config set API_KEY=…`",
        ),
        ('exec python3 -c \'open("logs/app.log", "a")\'', "logs/app.log", "targets: {local: {shared: [logs]}}"),
    ):
        tiny.procfile(f"web: {command}\n")
        failed = deployed.run("ship")
        assert failed.code == 30, failed.err
        assert raw in failed.err
        assert line in failed.err, failed.err
    tiny.procfile("release: python3 -c 'import no_such_module'\nweb: exec python3 server.py\n")
    failed = deployed.run("ship")
    assert (failed.code, "no_such_module is imported" in failed.err) == (21, True), failed.err
