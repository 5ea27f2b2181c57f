"""The certificate authority: it makes certificates from approved requests, revokes them, and publishes what holds.

It alone opens the `ca` key store. Every signature is preceded by a committed intent with the exact bytes, every set of
bytes by the linter; every act leaves an entry in the audit log, in the act's own transaction. It takes subjects and
extensions from the approved request and the profile. It must never take them from a certificate request, never sign
what the linter refuses, never forget a serial number that may have been signed, never change a profile that was used,
and never judge who somebody is: that is the registration authority's duty.
"""
