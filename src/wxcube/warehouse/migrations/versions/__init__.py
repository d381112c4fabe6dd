"""One module per migration; the newest is `wxcube.warehouse.tables.REVISION`."""
