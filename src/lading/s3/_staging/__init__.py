"""Staging one version into regions."""
