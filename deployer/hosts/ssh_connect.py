"""How does one log in to a host?  Connection, host key, the caller's keys.

Nothing is sent to a host whose key is not trusted.  A connection that is refused or reset (an sshd that restarts, or
has reached its MaxStartups) is tried once more.  Imported only where a host is reached over SSH.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from pathlib import Path

from paramiko.ssh_exception import (  # type: ignore[import-untyped]
    AuthenticationException,
    BadAuthenticationType,
    IncompatiblePeer,
    SSHException,
)

from deployer.core.errors import HostUnreachable
from deployer.hosts import ssh_refusals as refusals
from deployer.hosts.host_key import check, shown
from deployer.hosts.known_hosts import Key, KnownHosts
from deployer.hosts.openssh.takeover import Incapable
from deployer.hosts.ssh_agent import agent_at
from deployer.hosts.ssh_keys import Ask, Keyring, Tried
from deployer.hosts.ssh_route import Route
from deployer.hosts.ssh_settings import SshSettings
from deployer.hosts.ssh_transport import Tuned, negotiate, reach, refused

PAUSE = (0.3, 1.0)  # seconds before the second try
MORE = ("gssapi-with-mic", "hostbased")  # ways to log in that ssh has, and paramiko has not


class Logins:
    """All logins of one command: they share the configuration, the keys, the gateways and a limit."""

    def __init__(self, settings: SshSettings, home: Path, ask: Ask | None) -> None:
        logging.getLogger("paramiko").addHandler(logging.NullHandler())  # it is told by errors, not by its log
        self.settings = settings
        self._keyring = Keyring(home, ask)
        self._at_once = threading.BoundedSemaphore(settings.concurrency)
        self._gateways: dict[Route, Tuned] = {}
        self._gateway = threading.RLock()

    def login(self, route: Route) -> Tuned:
        """A transport, logged in; `HostUnreachable`, or `Incapable` where the ssh program may do better."""
        known = KnownHosts(route.known_hosts, route.known_as, route.revoked)
        through = self._through(route.through)
        with self._at_once:
            transport = self._negotiated(route, through, known.kinds(), certified=bool(known.authorities))
            try:
                check(transport, route, known)
                self._authenticate(transport, route)
            except (SSHException, EOFError, OSError) as error:
                transport.close()
                raise refusals.of_connection(route, error, self.settings) from error
            except BaseException:
                transport.close()
                raise
        return transport

    def host_key(self, route: Route, kinds: list[str]) -> Key:
        """The key that the host shows, of the first of `kinds` that it has; nothing but that is asked."""
        through = self._through(route.through)
        with self._at_once:
            transport = self._negotiated(route, through, kinds, certified=False)
            try:
                return shown(transport)
            finally:
                transport.close()

    def _through(self, gateway: Route | None) -> Tuned | None:
        """The open transport to a gateway: logged in to once, for all the hosts behind it."""
        if gateway is None:
            return None
        with self._gateway:
            if gateway not in self._gateways or not self._gateways[gateway].is_active():
                self._gateways[gateway] = self.login(gateway)
            return self._gateways[gateway]

    def _negotiated(self, route: Route, through: Tuned | None, kinds: list[str], *, certified: bool) -> Tuned:
        try:
            return self._exchanged(route, through, kinds, certified=certified)
        except Incapable:
            raise
        except IncompatiblePeer as error:
            raise Incapable(refusals.of_connection(route, error, self.settings)) from error
        except refusals.PASSING:
            time.sleep(random.uniform(*PAUSE))  # noqa: S311 - not a secret
        except Exception as error:
            raise refusals.of_connection(route, error, self.settings) from error
        try:
            return self._exchanged(route, through, kinds, certified=certified)
        except Exception as error:
            raise refusals.of_connection(route, error, self.settings) from error

    def _exchanged(self, route: Route, through: Tuned | None, kinds: list[str], *, certified: bool) -> Tuned:
        forbidden = refused(route)
        if through is None:
            sock = reach(route, self.settings)
        else:
            sock = through.open_channel("direct-tcpip", (route.host, route.port), ("", 0))
        transport = Tuned(sock, self.settings, kinds, certified=certified, refused=forbidden)
        transport.banner_timeout = self.settings.patience(route)
        try:
            negotiate(transport)
        except BaseException:
            transport.close()
            raise
        return transport

    def _authenticate(self, transport: Tuned, route: Route) -> None:
        tried = Tried()
        agent = agent_at(route.agent, self.settings.patience(route)) if route.agent else None
        try:
            for key in self._keyring.keys(route, agent, tried):
                try:
                    lacking = transport.auth_publickey(route.user, key)
                except BadAuthenticationType as error:
                    refusal = refusals.no_keys_taken(route, error.allowed_types)
                    raise _may_do_better(route, error.allowed_types, refusal) from error
                except (AuthenticationException, SSHException, OSError, EOFError):
                    if not transport.is_active():
                        break
                else:
                    if lacking:
                        raise refusals.more_asked(route, lacking)
                    return
        finally:
            if agent:
                agent.close()
        refusal = refusals.not_let_in(route, str(tried), closed=not transport.is_active(), locked=tried.locked)
        raise Incapable(refusal) if tried.strange else _may_do_better(route, _ways(transport, route), refusal)


def _ways(transport: Tuned, route: Route) -> list[str]:
    """The ways to log in that the host offers; asked only where one of them may be ssh's to go."""
    if route.option("gssapiauthentication") != "yes" or not transport.is_active():
        return []
    try:
        transport.auth_none(route.user)
    except BadAuthenticationType as error:
        return list(error.allowed_types)
    except (SSHException, OSError, EOFError):
        return []
    return []


def _may_do_better(route: Route, offered: list[str], refusal: HostUnreachable) -> Exception:
    """`refusal`, or `Incapable` with it where the host offers what ssh is configured for."""
    able = route.option("gssapiauthentication") == "yes" and any(way in MORE for way in offered)
    return Incapable(refusal) if able else refusal
