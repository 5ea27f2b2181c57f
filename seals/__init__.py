"""The seal authority: keeps the register of electronic seals, makes them, seals PDF documents, verifies seals.

It is handed its timestamper, its evidence of certificate status and its signing keys; it never issues a certificate,
never fetches anything while verifying, never hands out a document whose sealing is not in the books, and never delivers
less than the level that was asked. `pades` is its only room that knows pyHanko.
"""
