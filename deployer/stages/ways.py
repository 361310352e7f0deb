"""How is each host of a target reached: on this machine, or over SSH?"""

from __future__ import annotations

from pathlib import Path

from deployer.hosts.host import Host
from deployer.hosts.local import Local
from deployer.hosts.ssh import Ssh, SshAccess
from deployer.hosts.ssh_settings import SshSettings
from deployer.settings import HostSettings, TargetSettings
from deployer.stages.project import Project


def hosts_of(project: Project, target: TargetSettings) -> list[Host]:
    """The hosts of a target, each as it is reached."""
    if target.is_local:
        root = project.settings.folder / target.path if target.path else project.operator.root(project.settings.app)
        return [Local(str(Path(root).absolute()), project.operator.cache)]
    access = access_of(project, target)
    return [remote(project, target, host, access) for host in target.hosts]


def access_of(project: Project, target: TargetSettings) -> SshAccess:
    """What the target's hosts share when they are reached over SSH."""
    ssh, operator = target.ssh, project.operator
    bounds = SshSettings(connect_timeout=ssh.connect_timeout, concurrency=ssh.concurrency, client=ssh.client)
    return SshAccess(bounds, operator.home, operator.passphrase, cache=operator.cache)


def remote(project: Project, target: TargetSettings, host: HostSettings, access: SshAccess) -> Ssh:
    """The host as it is reached over SSH."""
    return Ssh(
        host.host,
        host.path or target.path,
        project.operator.cache,
        access,
        app=project.settings.app,
        user=host.user or target.user,
        port=host.port,
        sudo=target.sudo if host.sudo is None else host.sudo,
    )
