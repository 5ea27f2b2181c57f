"""Key ceremonies: root keys made before witnesses from one reviewable file, kept by m of n, and told in a transcript.

`plan` is the file, `preview` says what it will do, `transcript` what was done, `attestation` who signed for it,
`sheets` are the papers. The home in which the roots live is made by `yinxin.root_home`.
"""
