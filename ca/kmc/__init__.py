"""The key-management centre: it makes the encryption key pairs of double certificates, keeps their private keys for as
long as the rules ask, and gives one back when enough people say so (GM/T 0034, GM/T 0038).

It alone opens the `kmc` key store, which the certificate authority's process never does, and it may stand on another
machine (`ca.kmc.handler`). A private key leaves it only in an envelope: to the holder's signing key when allotted, to
one named certificate when recovered, after two officers at least approved exactly that. It must never keep a signing
key, never write a private key in clear, never hand out a key that its own signature does not vouch for, never take an
officer from the database, and never decide who may have a certificate.
"""
