"""Colours of charts, for light and dark, checked for contrast and colour-blind readers."""

from __future__ import annotations

from enum import StrEnum


class Theme(StrEnum):
    """How a chart is coloured; reports and mails are light."""

    LIGHT = "light"
    DARK = "dark"


PALETTES: dict[Theme, dict[str, str]] = {
    Theme.LIGHT: {
        "@surface": "#FFFFFF",
        "@ink": "#1B1F24",
        "@muted": "#59636E",
        "@line": "#C9D0D8",
        "@grid": "#E6E9ED",
        "@gap": "#ECEFF3",
        "@c1": "#0B62B8",
        "@c2": "#D96A00",
        "@c3": "#5B2A6E",
        "@c4": "#C77CA8",
        "@bad": "#B3261E",
        "@h1": "#E4EFFA",
        "@h2": "#B3D1F0",
        "@h3": "#73A9DD",
        "@h4": "#3378BD",
        "@h5": "#0B4A8C",
    },
    Theme.DARK: {
        "@surface": "#161B22",
        "@ink": "#E6E9EE",
        "@muted": "#9AA5B1",
        "@line": "#3B444F",
        "@grid": "#262D36",
        "@gap": "#20262E",
        "@c1": "#5AA9F5",
        "@c2": "#F2A33C",
        "@c3": "#C9559B",
        "@c4": "#E8E3A0",
        "@bad": "#FF8A80",
        "@h1": "#1B2A3B",
        "@h2": "#22496F",
        "@h3": "#2F6FA8",
        "@h4": "#5C9FDC",
        "@h5": "#B5D9FA",
    },
}
"""The colour of every name that an option may have."""
SERIES = ("@c1", "@c2", "@c3", "@c4")
"""Colours of series; from the fifth series on, a chart is split."""
HEAT = ("@h1", "@h2", "@h3", "@h4", "@h5")
"""Steps of a heat map, low to high."""
