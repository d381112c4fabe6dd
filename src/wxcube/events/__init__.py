"""Events: what people and servers did, as typed data."""
