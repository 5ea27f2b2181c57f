"""What developers and auditors run beside the product: what it is made of, and what is known against it."""
