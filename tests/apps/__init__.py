"""Makes the apps that the tests deploy, each a real git repository: `from tests.apps import tiny_app`."""

from .express import node_app
from .real import RealApp
from .repository import commit, git, head
from .tiny import TinyApp, tiny_app
from .wagtail_site import wagtail_site

__all__ = ["RealApp", "TinyApp", "commit", "git", "head", "node_app", "tiny_app", "wagtail_site"]
