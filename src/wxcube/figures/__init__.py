"""Questions and their answers: figures that pages, reports, files and charts show."""
