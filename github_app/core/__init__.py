"""What Remit decides, without a clock, a network or a database."""
