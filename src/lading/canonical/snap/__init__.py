"""The Snap Store's own API, the dashboard's, and what an on-prem store has in its place."""
