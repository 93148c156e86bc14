"""What a fit compares, and how it chooses."""
