"""Staging a version: the commit protocol in one region, and all regions together."""
