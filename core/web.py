"""Fetching what strangers point at: with limits of size and time, once, and only from where the caller lets us ask.

Addresses in certificates and documents are written by whoever made them. Followed without a look, they would have our
machine ask services inside its own network for them (server-side request forgery).
"""

import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from time import monotonic
from urllib.parse import SplitResult, urlsplit

import httpx

from core.errors import Kind, YinxinError
from core.i18n import _

CONNECT_SECONDS, LONGEST_SECONDS = 5.0, 20.0
"""To get a connection; for all of it."""
_PORTS = {"http": 80, "https": 443}

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], list[str]]
"""The addresses of a host and port, best first; OSError if there are none."""


@dataclass(frozen=True)
class Reach:
    """Whom we may ask: whoever has a public address, and besides only who is named."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def of(cls, names: Iterable[str]) -> "Reach":
        """From networks (`10.1.0.0/16`), addresses and names of hosts; `YinxinError` (invalid) if one is neither."""
        hosts, networks = set(), []
        for name in names:
            try:
                networks.append(ip_network(name))
            except ValueError:
                if "/" in name or ":" in name or not name.strip():
                    raise YinxinError(
                        Kind.INVALID,
                        _("neither a network nor a host"),
                        subject=name,
                        remedy=_("write it like 10.1.0.0/16 or ca.example.gov.cn"),
                    ) from None
                hosts.add(name.lower())
        return cls(frozenset(hosts), tuple(networks))

    def permits(self, host: str, address: Address) -> bool:
        """Whether a host may be asked at this address."""
        if host.lower() in self.hosts or any(address in network for network in self.networks):
            return True
        if isinstance(address, IPv6Address) and (inside := _embedded(address)) is not None:
            return self.permits(host, inside)
        return address.is_global and not address.is_multicast


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that is reached in the end (RFC 4291 2.5.5.2, RFC 3056, RFC 6052)."""
    if address in IPv6Network("64:ff9b::/96"):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def resolve(host: str, port: int) -> list[str]:
    """What the machine's resolver says."""
    return [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def fetch(
    url: str,
    reach: Reach,
    *,
    most_octets: int,
    body: bytes | None = None,
    content_type: str = "",
    seconds: float = LONGEST_SECONDS,
    resolve: Resolve = resolve,
) -> bytes:
    """What lies at an address (http, https), or is answered to a POST of the body: once, whole, soon, nowhere else.

    Redirections are not followed and proxies not asked: who is asked is decided by the address. `YinxinError`
    (unavailable, forbidden, invalid) says why there is nothing.
    """
    parts = _parts(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    address = _permitted(url, host, port, reach, resolve)
    # Asked at the very address that was looked at: a name may mean another a moment later.
    pinned = parts._replace(netloc=f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}", fragment="")
    headers = {"Host": parts.netloc, "Accept-Encoding": "identity"}
    if content_type:
        headers["Content-Type"] = content_type
    deadline = monotonic() + seconds
    timeout = httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
    content = bytearray()
    try:
        with (
            httpx.Client(timeout=timeout, trust_env=False, follow_redirects=False) as client,
            client.stream(
                "GET" if body is None else "POST",
                pinned.geturl(),
                content=body,
                headers=headers,
                extensions={"sni_hostname": host},
            ) as answer,
        ):
            _require_content(url, answer)
            for part in answer.iter_raw():
                content += part
                if len(content) > most_octets:
                    raise _unavailable(url, _("more than {size} octets").format(size=most_octets))
                if monotonic() > deadline:
                    raise _unavailable(url, _("it takes more than {seconds} s").format(seconds=f"{seconds:g}"))
    except httpx.TimeoutException as error:
        raise _unavailable(url, _("it takes more than {seconds} s").format(seconds=f"{seconds:g}")) from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise _unavailable(url, str(error) or type(error).__name__) from error
    return bytes(content)


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in _PORTS and parts.hostname and parts.username is None and parts.port != 0
    except ValueError:
        sound = None
    if not sound or not url.isascii() or not url.isprintable():
        raise YinxinError(Kind.INVALID, _("not an address that is asked (http, https)"), subject=url)
    return parts


def _permitted(url: str, host: str, port: int, reach: Reach, resolve: Resolve) -> Address:
    try:
        found = [ip_address(one.partition("%")[0]) for one in resolve(host, port)]
    except (OSError, ValueError) as error:
        raise _unavailable(url, _("the host is not known")) from error
    # A name with both kinds of addresses may be a trap: who points inside at all is not asked.
    if not found or not all(reach.permits(host, one) for one in found):
        where = ", ".join(sorted({str(one) for one in found})) or "-"
        raise YinxinError(
            Kind.FORBIDDEN,
            _("the address is not a public one ({address}), and nobody allowed it").format(address=where),
            subject=url,
        )
    return found[0]


def _require_content(url: str, answer: httpx.Response) -> None:
    if answer.is_redirect:
        where = answer.headers.get("Location", "-")
        raise _unavailable(url, _("it sends on to {address}, which is not followed").format(address=where))
    if not answer.is_success:
        raise _unavailable(url, f"HTTP {answer.status_code} {answer.reason_phrase}")
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise _unavailable(url, _("it is compressed, which was not asked for"))


def _unavailable(url: str, reason: str) -> YinxinError:
    return YinxinError(Kind.UNAVAILABLE, reason, subject=url)
