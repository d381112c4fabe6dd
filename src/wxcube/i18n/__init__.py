"""Messages for people, and their translations."""
