"""Schema migrations, run by `store/schema.py` inside one transaction."""
