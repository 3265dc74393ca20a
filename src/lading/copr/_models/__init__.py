"""The models of Copr's API v3."""
