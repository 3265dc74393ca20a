"""The work behind ``copr.builds``: submitting, watching, logs, downloads."""
