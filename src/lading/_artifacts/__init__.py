"""Artifacts: what their files say of them."""
