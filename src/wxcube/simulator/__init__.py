"""Synthetic accounts: events from a seed."""
