"""Simulated accounts served over WeChat's protocol: clock, faults, quirks, journal."""
