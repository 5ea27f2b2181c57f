"""`/api/seals/v1`: who calls, what goes over the wire, and each group of operations."""
