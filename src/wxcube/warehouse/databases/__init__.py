"""The databases that a warehouse can be in, behind one seam: SQLite, PostgreSQL, MySQL, MariaDB."""
