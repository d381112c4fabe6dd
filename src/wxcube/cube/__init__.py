"""Rows of every endpoint, computed exactly from events."""
