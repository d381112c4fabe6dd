"""Reports and alerts: figures as one document, and as messages that are sent."""
