"""Ingestion of events: reading, checking and pseudonymizing them."""
