"""Write the page as a PDF, laid out for paper: A4, annexes lying, page numbers on top."""

from __future__ import annotations

from importlib import import_module

from broadcaster.core.errors import WorkspaceError


def render_pdf(html: str) -> bytes:
    """Lay a page out as PDF; nothing is fetched from anywhere.

    Args:
        html: The page; it holds all that it needs.

    Raises:
        WorkspaceError: The Pango library that lays out text is not installed.

    Sources:
        WeasyPrint, "First steps": the libraries that it needs.
    """
    try:
        # Only here: without Pango the import itself fails, and everything else works without it.
        weasyprint = import_module("weasyprint")
    except OSError as error:
        raise WorkspaceError(
            "no PDF could be written: the Pango library is not installed",
            hint="install it: apt install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0",
        ) from error
    fetcher = weasyprint.urls.URLFetcher(allowed_protocols=())
    data: bytes = weasyprint.HTML(string=html, url_fetcher=fetcher).write_pdf()
    return data
