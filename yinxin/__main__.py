"""`python -m yinxin`."""

from yinxin.cli import main

main()
