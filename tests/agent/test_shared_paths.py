"""Where shared paths lie, also where the build has links on the way."""

import pytest

from deployer.agent.shared_paths import placed
from deployer.core.errors import ReleaseRefused
from deployer.core.manifest import File, Launch, Link, Manifest
from deployer.core.release import SharedPath, Spec

BUILD = Manifest(
    {},
    (
        File("README", "0" * 64, 1),
        Link("web/assets", "../more/assets"),
        Link("public", "web"),
        Link("way", "public"),
        Link("media/own", "."),
        Link("round", "trip"),
        Link("trip", "round"),
    ),
)


def spec(*paths):
    return Spec("app", "local", 1, "", "", Launch("commands"), {}, (), (), tuple(SharedPath(path) for path in paths))


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("storage", "storage"),
        ("web/uploads", "web/uploads"),
        ("public/uploads", "web/uploads"),
        ("public", "public"),
        ("way/a/b", "web/a/b"),
        ("way/assets/big", "more/assets/big"),
        ("media/own/x", "media/x"),
    ],
)
def test_a_shared_path_lies_where_the_links_on_its_way_lead(path, place):
    assert {where: shared.path for where, shared in placed(spec(path), BUILD).items()} == {place: path}


@pytest.mark.parametrize(
    ("paths", "named"),
    [
        (("README/uploads",), r"README/uploads has no place in this build: README is a file"),
        (("round/uploads",), r"round/uploads .* leads nowhere"),
        (("web/uploads", "public/uploads"), r"public/uploads .* same place as web/uploads"),
        (("web/uploads/a", "way/uploads"), r"way/uploads .* same place as web/uploads/a"),
    ],
)
def test_one_without_a_place_is_refused_by_name(paths, named):
    with pytest.raises(ReleaseRefused, match=named):
        placed(spec(*paths), BUILD)
