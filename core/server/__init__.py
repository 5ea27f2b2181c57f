"""The HTTP server of the services that answer many thousand questions a second, with signatures made beside the loop.

It knows nothing of what is asked: a service says what an exchange means (`exchange.Service`), worker processes share a
port (`workers`), each with one loop (`connection`) and a few threads that sign (`pool`).
"""
