"""Pages for the browser: figures, downloads, the state of the data, and setting up accounts."""
