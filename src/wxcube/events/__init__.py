"""Events: what users and servers did, as typed data."""
