"""Models of the Copr API."""
