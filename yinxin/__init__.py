"""The front door: the command, the servers and the demonstration. It wires the modules together; nothing imports it."""
