"""Simulated accounts behind WeChat's protocol: clock, faults, quirks, journal."""
