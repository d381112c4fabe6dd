"""The database that figures are read from."""

from support.figures import appid, reader, stored

__all__ = ["appid", "reader", "stored"]
