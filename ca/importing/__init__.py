"""An existing authority taken over: its key and chain (PKCS#12), and all that it issued (OpenSSL's index and files).

`index` reads the index, `takeover` the authority itself, `examination` tells everything of each row, and `books` enters
all of it in one transaction, or nothing. Nothing is issued here: what is imported was made by rules that were not ours.
"""
