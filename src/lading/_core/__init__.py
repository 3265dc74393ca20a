"""What every store stands on: requests as data, and the rules for sending them. Knows no HTTP library."""
