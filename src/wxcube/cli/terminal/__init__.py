"""Output for the terminal: tables, charts, paragraphs, progress."""
