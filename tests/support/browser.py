"""Chromium without a window, for tests of pages; skipped with a clear word where there is none."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
SECONDS = 30


@dataclass
class Seen:
    """What a page did besides showing itself."""

    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", lambda message: self.problems.append(message.text))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("dialog", lambda dialog: self.problems.append(f"dialog {dialog.message}"))
        page.on("requestfailed", self._add_failure)
        page.on("request", lambda request: self.requests.append(request.url))

    def _add_failure(self, request: Request) -> None:
        # a picture that was still loading when the page was left is no fault
        if request.failure != "net::ERR_ABORTED":
            self.problems.append(f"failed {request.url}")


@contextmanager
def chromium() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("NO BROWSER: install chromium to test the pages (apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def context(
    browser: Browser,
    *,
    language: str = "en",
    width: int = 1280,
    theme: str = "light",
    javascript: bool = True,
) -> BrowserContext:
    return browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if theme == "dark" else "light",
        locale="zh-CN" if language == "zh" else "en-US",
        java_script_enabled=javascript,
    )


def until(page: Page, condition: str) -> None:
    """Wait for a condition; Playwright's own way needs eval, which the pages forbid."""
    deadline = time.monotonic() + SECONDS
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, f"not within {SECONDS} s: {condition}"
        time.sleep(0.02)


def load_images(page: Page) -> None:
    """Load the images below the window too."""
    page.evaluate("document.querySelectorAll('img').forEach((one) => { one.loading = 'eager'; })")
    until(page, "[...document.images].every((one) => one.complete)")
