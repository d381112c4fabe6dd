"""What a terminal shows: tables, charts, paragraphs, progress."""
