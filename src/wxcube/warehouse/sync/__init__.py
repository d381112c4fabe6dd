"""Sync: the plan of its calls, and the run that makes them."""
