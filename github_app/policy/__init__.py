"""What may be done: policy files, read strictly into the dataclasses of `core.policy`, and what ships with them."""
