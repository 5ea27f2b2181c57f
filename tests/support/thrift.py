"""Key files that open at once: no thief comes by those of tests. Whoever imports this makes them so, in its process.

`python -m tests.support.thrift ARGUMENTS` is the command `yinxin ARGUMENTS` with such key files.
"""

from core.keys import encryption

COST = encryption.COST
"""Of scrypt, as everybody else pays it: some 40 ms for each key that is made or opened."""

encryption.COST = 2

if __name__ == "__main__":
    from yinxin.cli import main

    main()
