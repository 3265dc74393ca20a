"""The HTTP server behind the embedded stores."""
