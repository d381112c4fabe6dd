"""Jobs that combine other packages: syncs of accounts, cube builds."""
