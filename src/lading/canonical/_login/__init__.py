"""Logging in: by Ubuntu One, by Candid in a browser, and by Candid as an agent."""
