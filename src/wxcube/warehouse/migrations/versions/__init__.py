"""One module per change of the tables; the newest is `wxcube.warehouse.tables.REVISION`."""
