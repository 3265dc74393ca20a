"""The transport: the only package that imports httpx and h11."""
