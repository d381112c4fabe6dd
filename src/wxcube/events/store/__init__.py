"""The event store: a folder with events, stored durably as Parquet by day and account group."""
