"""What is asked of Remit over HTTP."""
