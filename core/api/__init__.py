"""What the interfaces over HTTP have in common: a table of operations, and what follows from it.

From the table come the routing, the checks of what comes in, idempotency and the OpenAPI document; a module adds who
may come in, and one small function for each operation.
"""
