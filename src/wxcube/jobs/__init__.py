"""Work that joins the parts: syncs of accounts, cube builds."""
