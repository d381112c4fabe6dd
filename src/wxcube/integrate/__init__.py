"""Files that let other tools read the database: Datasette, Grafana and Metabase."""
