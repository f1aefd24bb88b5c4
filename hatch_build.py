"""Build hook: a wheel carries the weights and notebooks inside the package, as `asm_interp/_shipped/`."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDERS = ("checkpoints", "notebooks")


class ShippedFiles(BuildHookInterface[Any]):
    """Copy the files of `FOLDERS` into wheels.

    The `force-include` table would copy them at editable installs too, where they go stale, and with the
    hidden folders that JupyterLab leaves behind.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name the files to copy, unless the install is editable and reads the repository itself."""
        if version == "editable":
            return
        for folder in FOLDERS:
            files = (path for path in Path(self.root, folder).glob("[!.]*") if path.is_file())
            copies = {str(path): f"asm_interp/_shipped/{folder}/{path.name}" for path in files}
            build_data["force_include"].update(copies)
