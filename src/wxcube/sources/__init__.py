"""Where rows come from: the API, the cube, a simulated account."""
