"""How does a host come to have a release that it missed?  Made again from what another one has of it."""

from __future__ import annotations

from collections.abc import Sequence

from deployer.core import requests
from deployer.core.errors import Drift
from deployer.core.release import Spec
from deployer.hosts.session import Session, pieces
from deployer.stages import delivery
from deployer.stages.listener import Listener
from deployer.stages.target import Target


def stage(target: Target, request: requests.Stage, among: Sequence[Session]) -> requests.Staged:
    """Make the release on these hosts; what the ledger calls its config and spec, the same on each."""

    def one(session: Session) -> requests.Staged:
        return session.call(request, requests.Staged, heard=Listener(target.report, session))

    staged = target.fleet.ask(one, among).all()
    for session in among:
        session.found.releases.append(request.spec.version)
    if len(set(staged.values())) > 1:
        raise Drift(f"v{request.spec.version} is not the same on every host: {', '.join(staged)}")
    return next(iter(staged.values()))


def stage_missing(target: Target, spec: Spec) -> None:
    """Have the release on every host that this command is for, staged and verified: the barrier before a switch."""
    lacking = [session for session in target.chosen if spec.version not in session.found.releases]
    without_tool = [s for s in target.chosen if delivery.lacks_tool(s)]  # another manager may be wished for than before
    delivery.deliver(target, spec.build, spec.launch, [*lacking, *(s for s in without_tool if s not in lacking)])
    if not lacking:
        return
    _bring_agent(target, spec, lacking)
    source = target.holding(spec.version)
    config = source.call(requests.GetConfig(spec.version), requests.Config)
    text = source.call(requests.ReadSpecText(spec.version), requests.SpecText).text
    staged = stage(target, requests.Stage(spec, config.variables, text), lacking)
    recorded = target.ledger.release(spec.version)
    if (staged.config, staged.spec) != (recorded.config, recorded.spec):
        raise Drift(
            f"v{spec.version} as {source.host.name} has it is not what the ledger says",
            hint=f"`deploy verify v{spec.version}` tells what; a new `deploy release` makes it anew",
        )


def _bring_agent(target: Target, spec: Spec, lacking: Sequence[Session]) -> None:
    """Have the agent there that the release was made with: it is launched by no other."""
    without = [session for session in lacking if f"{spec.agent}.pyz" not in session.found.tools]
    if without:
        content = target.holding(spec.version).receive(requests.ReadAgent(spec.version))

        def put(session: Session) -> None:
            session.call(requests.PutAgent(spec.agent), requests.Done, stream=pieces(content))

        target.fleet.ask(put, without).all()
