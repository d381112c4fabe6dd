"""A server that speaks WeChat's protocol over any backend."""
