"""The attribute authority: says of holders of our certificates which roles, groups, clearances and positions they have.

It issues attribute certificates (RFC 5755) from approved requests, with a key and a certificate of its own, and keeps
the discipline of the certificate authority: intent before signature, the linter's token, its own signature verified,
a history that only grows. It must never issue a certificate, never speak of somebody whose certificate is not ours or
does not hold, and never write a secret into an attribute.
"""
