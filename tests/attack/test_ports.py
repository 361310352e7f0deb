"""A run that fails must leave the ports of what serves as they were, whatever the new release asked for."""

import json

from tests.apps.tiny import PYTHON

TWO = """\
app: tiny
build: {{pack: commands, commands: [cp text.txt built.txt]}}
processes:
  web: {{health: /up, boot_timeout: 3s, stop_timeout: 2s, healthy_time: 300ms{web}}}
{more}  worker: {{stop_timeout: 2s, healthy_time: 300ms}}
"""


def ports(deployed):
    return {row["process"]: row["port"] for row in deployed.json("ps")["processes"]}


def test_a_failed_run_with_another_port_leaves_the_old_one_in_use(deployed, tiny):
    tiny.settings(TWO.format(web="", more=""))
    deployed.deploy("ship")
    before = ports(deployed)
    tiny.settings(TWO.format(web=f", port: {deployed.port}", more=""))
    tiny.behave(web="fail-health")
    deployed.deploy("ship", code=30)
    assert ports(deployed) == before
    assert deployed.differences() == []
    deployed.deploy("restart")  # what the failed run asked for is forgotten
    assert ports(deployed) == before


def test_a_failed_run_that_takes_another_types_port_can_be_undone(deployed, tiny):
    api = (
        f"  api: {{command: {json.dumps(f'{PYTHON} -I -S server.py web')}, health: /up, port: {deployed.port + 100}}}\n"
    )
    tiny.settings(TWO.format(web=f", port: {deployed.port}", more=api))
    deployed.deploy("ship")
    before = ports(deployed)
    tiny.settings(TWO.format(web=f", port: {deployed.port + 100}", more=""))
    tiny.behave(web="fail-health")
    deployed.deploy("ship", code=30)
    assert ports(deployed) == before
    assert deployed.differences() == []
    tiny.behave(web="ok")
    deployed.deploy("ship")
    assert ports(deployed)["web.1"] == deployed.port + 100
