"""The engines that run the cube's SQL: DuckDB, ClickHouse and Spark."""
