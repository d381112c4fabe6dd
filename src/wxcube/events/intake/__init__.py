"""Reading, checking and pseudonymizing incoming events."""
