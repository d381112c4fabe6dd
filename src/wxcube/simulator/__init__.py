"""Simulated accounts: generated events, reproducible from a seed."""
