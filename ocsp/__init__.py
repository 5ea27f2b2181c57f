"""The status responder: tells whoever asks whether a certificate holds, is suspended, is revoked, or was never issued.

It signs with keys of its own, which each issuer has delegated to it by a certificate (RFC 6960 4.2.2.2), and may touch
its own key store and certificates and the reading interface `ca.status`. It never opens a key of the CA, writes nothing
to the books but a request for its own next certificate, and never answers from memory: status is read when the question
comes, so that a revocation is answered from the moment that its transaction commits. Bad input gets the protocol's own
error.

`request.py` reads questions, `responder.py` decides, `response.py` writes; `service.py` opens that of an installation,
and `renewal.py` keeps its certificates fresh. `client.py` is the other side, which asks any responder, and
`judgement.py` says whether the answer can be believed.
"""
