"""The figure of a card as a file for a spreadsheet."""

from __future__ import annotations

from typing import BinaryIO

from wxcube.export.figure_table import as_table
from wxcube.export.files import MEDIA_TYPES, Format, write_table
from wxcube.figures.figure import Figure
from wxcube.i18n.language import Language


def write_file(file: BinaryIO, figure: Figure, extension: str, language: Language) -> str:
    """Write a figure as `csv` or `xlsx`, and return the media type.

    Numbers, days and texts keep their type; names of accounts and codes are words.
    """
    file_format: Format = "xlsx" if extension == "xlsx" else "csv"
    table = as_table(figure, language)
    write_table(file, table, file_format, header=language.code, language=language.code, bom=True)
    return MEDIA_TYPES[file_format]
