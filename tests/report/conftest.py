"""The database that reports are made of."""

from support.figures import appid, reader, stored

__all__ = ["appid", "reader", "stored"]
