"""How many values a statement needs; our choice."""

from __future__ import annotations

ARTICLES = 5
"""Articles behind a median."""
VALUES_PER_HOUR = 4
"""Days behind an hour of a weekday, if it is to be called the best."""
DAYS_OF_BAND = 14
"""Days behind what is called the usual."""
READERS_OF_RATE = 100
"""Readers of an article whose completion rate may be called the highest."""
READERS_OF_SHARE = 30
"""Readers of an article of whom a share is given."""
