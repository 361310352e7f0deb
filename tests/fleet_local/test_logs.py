"""`deploy logs` of many hosts: one stream, as it comes, whoever of them is lost."""

import json
import signal
import threading

from tests.e2e.deployed import eventually


class Following:
    """`deploy logs -f …`, and all that it has printed."""

    def __init__(self, fleet, *arguments):
        self.process = fleet.start("logs", "-f", *arguments)
        self.out, self.err = "", ""
        self._readers = [threading.Thread(target=self._read, args=(name,)) for name in ("out", "err")]
        for reader in self._readers:
            reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join()

    def _read(self, name):
        for line in getattr(self.process, f"std{name}"):
            setattr(self, name, getattr(self, name) + line)

    def shows(self, text, *, seconds=20):
        eventually(lambda: text in self.out, seconds=seconds, what=f"{text!r} in {self.out!r} {self.err!r}")

    def end(self):
        """The exit code after Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


def test_the_last_lines_of_all_hosts_are_shown_each_with_its_host(fleet):
    fleet.deploy("ship")
    eventually(lambda: fleet.deploy("logs", "worker").count("worker.1 | ") >= 3)
    lines = fleet.deploy("logs", "-n", "2").splitlines()
    assert {" ".join(line.split()[:2]) for line in lines} == {
        "web1 web.1", "web1 worker.1", "web2 worker.1", "web3 worker.1",
    }  # fmt: skip
    told = fleet.json("logs", "worker", "--hosts", "web2,web3")["logs"]
    assert [(entry["host"], entry["process"]) for entry in told] == [("web2", "worker.1"), ("web3", "worker.1")]
    assert all(None not in entry["times"] and len(entry["times"]) == len(entry["lines"]) for entry in told)
    assert fleet.run("logs", "nothing").code == 3


def test_of_a_process_that_one_host_alone_runs_that_host_s_lines_are_shown(fleet):
    fleet.deploy("ship")
    lines = eventually(lambda: fleet.deploy("logs", "web.1")).splitlines()
    assert all(line.startswith("web1 web.1 | ") for line in lines)


def test_a_host_that_is_down_is_told_and_the_others_are_shown(fleet):
    fleet.deploy("ship")
    with fleet.down("web2"):
        result = eventually(lambda: one if "web3 worker.1 | " in (one := fleet.run("logs", "worker")).out else None)
        assert result.code == 40
        assert "web1 worker.1 | " in result.out
        assert "web2" in result.err
        told = json.loads(fleet.run("logs", "--json").out)
    assert {entry["host"] for entry in told["logs"]} == {"web1", "web3"}
    assert told["error"]["kind"] == "host-unreachable"


def test_following_goes_on_with_the_processes_of_the_next_release_and_of_one_before(fleet):
    fleet.deploy("ship")
    with Following(fleet, "worker") as following:
        following.shows("web3 worker.1 | ")
        fleet.tiny.say("another text")
        fleet.deploy("ship")
        for host in fleet.names:
            eventually(lambda host=host: f"{host} worker.1 | " in following.out)
        following.shows("v2")
        before = len(following.out)
        fleet.deploy("rollback")
        eventually(lambda: "v1" in following.out[before:], what="the old release's new lines")
        assert following.end() == 130
        assert following.err == ""


def test_following_goes_on_while_one_host_lives(fleet):
    fleet.deploy("ship")
    with Following(fleet, "worker", "-n", "1") as following:
        for host in fleet.names:
            following.shows(f"{host} worker.1 | ")
        fleet.sshds["web2"].stop()
        eventually(lambda: "web2" in following.err, what="the word of the loss")
        before = len(following.out)
        eventually(lambda: "web3 worker.1" in following.out[before:], what="more of the others")
        assert following.process.poll() is None
        for name in ("web1", "web3"):
            fleet.sshds[name].stop()
        assert following.process.wait(60) == 40
        assert [line.count("web2") for line in following.err.splitlines() if "web2" in line] == [1]


def test_the_stream_of_many_hosts_ends_with_its_reader(fleet):
    fleet.deploy("ship")
    process = fleet.start("logs", "-f", "worker")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(30) == 0
    process.stderr.close()
