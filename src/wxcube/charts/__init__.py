"""Charts: a figure as an ECharts option, drawn live by a browser or here as SVG and PNG."""
