"""Private keys in hardware security modules and smart cards, by PKCS#11 (through `python-pkcs11`).

A key is named by a URI (RFC 7512) in `keys/AUTHORITY/NAME.toml`, beside the key files; the key store opens both alike,
so that no module knows which of them signs. Private keys are made in the token, and never leave it.
"""
