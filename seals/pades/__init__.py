"""PAdES through pyHanko: the only room that knows pyHanko, and a wall around it.

Everything that leaves it is bytes, core's types or plain records of this room; whatever pyHanko stumbles over leaves as
one `YinxinError`. It signs only through `core.keys.signer.Signer`, checks only through `core.keys.verification`, and
fetches nothing.
"""
