"""Are there ever two?  The clock of this fleet holds a lock in a Redis for as long as it lives.

It takes the lock by `SET NX PX` and renews it while it beats.  Where the lock is taken and its owner goes on beating,
or where another one has taken it from it, it adds to `violations`.  The Redis server keeps the longest time between
beats; what was killed holds the lock until its lease ends.
"""

import shlex
import shutil
import socket
import subprocess
import time

from tests.apps.tiny import PYTHON

from .clocks import ClockFleet

LEASE = 2000  # ms
PROGRAM = """\
import os, pathlib, signal, socket, time

TAKE = '''
if redis.call('SET', 'lock', ARGV[1], 'NX', 'PX', {lease}) then return -1 end
return tonumber(redis.call('GET', 'beats') or 0)
'''
BEAT = '''
local owner = redis.call('GET', 'lock')
if owner and owner ~= ARGV[1] then redis.call('RPUSH', 'violations', ARGV[1] .. ' beside ' .. owner) end
redis.call('SET', 'lock', ARGV[1], 'PX', {lease})
redis.call('INCR', 'beats')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local last = tonumber(redis.call('GET', 'last') or now)
if now - last > tonumber(redis.call('GET', 'gap') or 0) then redis.call('SET', 'gap', now - last) end
redis.call('SET', 'last', now)
redis.call('SET', 'owner', ARGV[1])
'''
GIVE = '''
if redis.call('GET', 'lock') == ARGV[1] then redis.call('DEL', 'lock') end
'''
host, release = pathlib.Path(os.environ["DEPLOY_ROOT"]).parent.name, os.environ["DEPLOY_RELEASE"]
me = f"{{host}} {{release}} {{os.getpid()}}"
server = socket.create_connection(("127.0.0.1", {port}))
answers = server.makefile("rb")


def say(*words):
    told = [word.encode() for word in words]
    server.sendall(b"*%d\\r\\n" % len(told) + b"".join(b"$%d\\r\\n%s\\r\\n" % (len(w), w) for w in told))
    line = answers.readline()
    if line[:1] == b"-":
        raise SystemExit(line.decode())
    return int(line[1:]) if line[:1] == b":" else 0


end = []
signal.signal(signal.SIGTERM, lambda *_: end.append(time.monotonic() + {ending}))
first = beats = say("EVAL", TAKE, "0", me)
while beats >= 0:
    if end:  # it has never had the lock
        raise SystemExit
    if beats != first:
        first = beats
        say("RPUSH", "violations", me + " beside one that beats")
    time.sleep(0.02)
    beats = say("EVAL", TAKE, "0", me)
while not end or time.monotonic() < end[0]:
    say("EVAL", BEAT, "0", me)
    time.sleep(0.02)
say("EVAL", GIVE, "0", me)
"""


class Redis:
    """A server of its own on `port`, keeping nothing."""

    def __init__(self, folder, port):
        self.port = port
        line = [shutil.which("redis-server") or "redis-server", "--port", str(port), "--bind", "127.0.0.1"]
        line += ["--save", "", "--appendonly", "no", "--dir", str(folder)]
        self._process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        self._socket = None
        while self._socket is None:
            try:
                self._socket = socket.create_connection(("127.0.0.1", port), timeout=20)
            except OSError:
                if time.monotonic() > deadline:
                    self.end()
                    raise
                time.sleep(0.05)
        self._answers = self._socket.makefile("rb")

    def say(self, *words):
        """The answer to a command."""
        told = [str(word).encode() for word in words]
        self._socket.sendall(b"*%d\r\n" % len(told) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in told))
        return self._answer()

    def _answer(self):
        kind, rest = (line := self._answers.readline())[:1], line[1:-2].decode()
        if kind == b"*":
            return [self._answer() for _ in range(int(rest))]
        if kind == b"$":
            return None if rest == "-1" else self._answers.read(int(rest) + 2)[:-2].decode()
        if kind == b"-":
            raise ValueError(rest)
        return int(rest) if kind == b":" else rest

    def end(self):
        """No server any more."""
        self._process.kill()
        self._process.wait()


class RedisFleet(ClockFleet):
    """Its clock holds the lock of `redis`, and takes 0.2 s to end."""

    def __init__(self, folder, *, port, redis):
        self.redis = redis
        super().__init__(folder, port=port)

    def end_as(self, how, *, locks=True):
        program = PROGRAM.format(port=self.redis.port, lease=LEASE, ending=0.2)
        (self.folder / "clock.py").write_text(program)
        python = f"exec {shlex.quote(PYTHON)} -I -S"
        self.tiny.procfile(f"clock: {python} clock.py\nworker: {python} server.py worker\n")

    @property
    def violations(self):
        """What clocks have seen that must not be."""
        return self.redis.say("LRANGE", "violations", 0, -1)

    @property
    def beats(self):
        """How often a clock has beaten."""
        return int(self.redis.say("GET", "beats") or 0)

    @property
    def gap(self):
        """The longest time between two beats, in seconds."""
        return int(self.redis.say("GET", "gap") or 0) / 1000

    def owner(self):
        """The host and the release of the clock that beat last."""
        host, release, _ = self.redis.say("GET", "owner").split()
        return host, release
