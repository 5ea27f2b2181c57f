"""The profile that imported certificates stand under in the books: it says that no profile of ours made them."""

from ca.profiles import Audience, KeyType, Profile, Usages

NAME = "imported"
IMPORTED = Profile(
    name=NAME,
    title="Imported 导入的证书",
    audience=Audience.IMPORTED,
    keys=tuple(KeyType),
    validity_days=36525,
    key_usage=Usages(values=("digitalSignature",)),
)
"""Nothing is ever issued by it (`ca.grounds`)."""
