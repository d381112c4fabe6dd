"""The cube as an incremental computation: facts per day and group, and rows rolled up from them."""
