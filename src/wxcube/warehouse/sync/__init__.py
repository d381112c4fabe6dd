"""Sync: which calls are due, and making them."""
