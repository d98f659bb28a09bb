"""What GitHub says and what Remit may say to it; the only package that knows githubkit."""
