"""Submitting, watching and downloading builds."""
