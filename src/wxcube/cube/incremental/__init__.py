"""The cube kept up to date: facts per day and group of accounts, and rows rolled up from them."""
