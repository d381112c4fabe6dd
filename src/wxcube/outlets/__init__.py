"""Who reads: the protocol servers, exports and the command line."""
