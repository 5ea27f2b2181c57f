"""The status responder: tells whoever asks whether a certificate holds, is suspended, is revoked, or was never issued.

It signs with keys of its own, which each issuer has delegated to it by a certificate (RFC 6960 4.2.2.2), and may touch
its own key store and certificates and the reading interface `ca.status`. It never opens a key of the CA, writes nothing
to the books but a request for its own next certificate, and never says what is not known to be true: an answer that was
signed before is given again only while the books are known not to have changed it, so that a revocation is answered by
every process within a second of its commit. Bad input gets the protocol's own error.

A question comes through `server.py` (processes), `connection.py` (one client) and `http.py` (what it means) to
`desk.py`, which has kept answers (`cache.py`, held true by `feed.py`) or has one made: `plain.py` and `request.py` read
questions, `responder.py` decides, `response.py` and `template.py` write. `service.py` opens it all for an installation,
and `renewal.py` keeps its certificates fresh.
`client.py` is the other side, which asks any responder, and `judgement.py` says whether the answer can be believed.
"""
