"""From WeChat's callbacks to events: what people send and do, recorded as it happens."""
