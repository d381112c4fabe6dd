"""The database: tables, coverage, replies, and the sync that fills it."""
