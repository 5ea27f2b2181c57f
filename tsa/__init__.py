"""The time-stamping authority: says, over its signature, that a digest existed at a moment (RFC 3161, RFC 5816).

It may touch its own keys and certificates, its table of tokens and the clock that it is handed. It must never see the
documents whose digests it stamps, never return a token that is not durably recorded, never give a time earlier than one
that it gave before, and never guess: without a good time or a working record it answers with a refusal.
"""
