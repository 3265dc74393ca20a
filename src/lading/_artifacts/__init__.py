"""Artifacts: what their files say about them."""
