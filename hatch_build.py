"""Compile the catalogue of messages into every wheel and editable install."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CATALOGUES = "src/wxcube/i18n/locale/*/LC_MESSAGES/*.po"


class CompiledCatalogues(BuildHookInterface[Any]):
    """A build hook that writes a .mo file beside each .po file."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - hatchling calls it so
        """Compile, and add the results to what is built."""
        for catalogue in Path(self.root).glob(CATALOGUES):
            compiled = catalogue.with_suffix(".mo")
            with catalogue.open("rb") as source, compiled.open("wb") as target:
                write_mo(target, read_po(source))
            build_data["artifacts"].append(f"/{compiled.relative_to(self.root)}")
