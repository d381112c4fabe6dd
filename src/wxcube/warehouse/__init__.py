"""Where rows rest: tables, coverage, replies, and the sync that fills them."""
