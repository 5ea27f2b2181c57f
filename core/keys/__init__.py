"""Keys: the `Signer` that all signing goes through, the one signature check, and keys at rest (PKCS#8, PKCS#12)."""
