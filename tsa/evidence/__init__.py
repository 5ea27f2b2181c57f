"""Evidence for decades (RFC 4998): time stamps over many files at once, renewed before what they rest on weakens.

It may touch the files of an archive, to read them, and the evidence beside them. It must never write evidence that does
not verify, never renew evidence that does not hold any more, and never lose the old one before the new one is whole.
"""
