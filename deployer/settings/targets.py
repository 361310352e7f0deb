"""Which target does a command work on?"""

from __future__ import annotations

from deployer.core.errors import UsageError
from deployer.settings.mistakes import did_you_mean
from deployer.settings.model import LOCAL, Settings, TargetSettings


def target(settings: Settings, name: str | None) -> TargetSettings:
    """The target called `name`; without a name the only one that deploy.yaml declares, or `local` if it has none."""
    if name:
        if name not in settings.targets:
            meant = did_you_mean(name, settings.targets)
            raise UsageError(f"there is no target {name!r}{meant}", hint=f"{settings.path.name} has: {_list(settings)}")
        return settings.targets[name]
    if len(settings.declared) > 1:
        raise UsageError(
            f"{settings.path.name} has {len(settings.declared)} targets: {', '.join(settings.declared)}",
            hint=f"say which: `-t {settings.declared[0]}`, or set DEPLOY_TARGET",
        )
    return settings.targets[settings.declared[0] if settings.declared else LOCAL]


def _list(settings: Settings) -> str:
    return ", ".join(settings.targets)
