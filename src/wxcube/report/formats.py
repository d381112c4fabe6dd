"""A report in each of its formats."""

from __future__ import annotations

import io

from wxcube.report.browser import as_pdf, as_picture, find_browser
from wxcube.report.html import as_html
from wxcube.report.markdown import as_markdown
from wxcube.report.report import Report
from wxcube.report.workbook import write_report
from wxcube.settings import ReportFormat


def as_file(report: Report, file_format: ReportFormat, browser: str = "") -> bytes:
    """The report as the content of a file; `browser` is that of the settings.

    Raises:  SettingsError if something that the format needs is not installed.
    """
    match file_format:
        case "html":
            return as_html(report).encode()
        case "md":
            return as_markdown(report).encode()
        case "xlsx":
            buffer = io.BytesIO()
            write_report(buffer, report)
            return buffer.getvalue()
        case "pdf":
            program = find_browser(browser)
            return as_pdf(as_html(report), program)
        case "png":
            program = find_browser(browser)
            return as_picture(as_html(report), program)


def file_name(report: Report, file_format: ReportFormat) -> str:
    """A name for the file, with the days of the report."""
    return f"wxcube-{report.window.first}_{report.window.last}.{file_format}"
