"""A client of WeChat's datacube API."""
