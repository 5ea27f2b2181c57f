"""Codes on paper (数字指纹): a short statement, signed with the key of a seal's owner, in a QR code on a receipt."""
