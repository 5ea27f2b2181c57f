"""Certificate status beside nginx, cfssl, OpenSSL and the bare signature: one core for the server, one for the load.

They take turns in short rounds, and the best round of each counts (`bench`). Between the rounds every kind of question
is asked, and the answers are checked. `wrk` keeps 32 connections; `ab` opens one for each request, as `openssl ocsp`
can do no other; cfssl can only POST. Latency is measured from the moment when a request was due; nginx is asked at the
same rate by the same client, to tell what of it is the machine's and the client's.

What is signed for a nonce, and the signature alone, are both counted per second of processor time: of the server's
processes, all in all, and of the thread that signs. What others take of the core meanwhile is in neither.

All in all it takes some twelve minutes on a machine that does nothing else. `python -m bench.ocsp nonce` measures only
that part anew, and leaves the other rows as they are.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from subprocess import CalledProcessError

from bench import Row, crl, renewed, report, row
from bench.load import Requests, ab, get, p99_at, p99_at_80, post, wrk
from bench.ocsp_town import GOOD, HELD, OpensslTown, Server, Town, cfssl, found, nginx, ours, state_of
from core.algorithms import SHA256, SM3, KeyKind
from core.clock import SystemClock
from ocsp.certificate import Certificate
from ocsp.judgement import judge
from ocsp.request import build_request, cert_id
from tests.support import ocsp_judges as judges

ROUNDS = 8
NONCE_ROUNDS = 24
"""More, because both sides of those rows are short and this machine's speed changes from second to second."""
HOT = 10_000
MILLION = 1_000_000
PARTS = ("cached", "nonce", "million", "crl")
NONCE = bytes(range(32))
SERIAL_OCTETS = 19
WARM_SECONDS, WARM_SLICE = 480, 5
"""At most so long, in such rounds, until each of a million was asked about once."""
CACHE_MIB = 210
"""Some 98 of 100 of a million answers; within the memory that is allowed."""
PEERS = {"wrk": "wrk", "ab": "apache2-utils", "nginx": "nginx-light", "cfssl": "golang-cfssl", "openssl": "openssl"}
"""Programs that must be there, and the packages of Debian that they are in."""
RAW = """
import sys, time
from core.algorithms import KeyKind
from core.keys.private_key import generate
key, data = generate(KeyKind(sys.argv[1])), bytes(250)
begin, count = time.thread_time(), 0
while (elapsed := time.thread_time() - begin) < float(sys.argv[2]):
    key.sign(data)
    count += 1
print(count / elapsed)
"""


def ask(server: Server, *questions: bytes) -> list[bytes]:
    """The answers."""
    connection, answers = HTTPConnection("127.0.0.1", server.port, timeout=20), []
    for question in questions:
        connection.request("POST", "/", question, {"Content-Type": "application/ocsp-request"})
        answer = connection.getresponse()
        answers.append(answer.read())
        assert answer.status == 200, answer.status
    connection.close()
    return answers


def counted(server: Server) -> dict[str, int]:
    """How many questions were answered with what was kept (`cached`), with what was signed, and so on."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("GET", "/metrics")
    said = connection.getresponse().read().decode()
    connection.close()
    return {outcome: int(count) for outcome, count in re.findall(r'outcome="(\w+)"} (\d+)', said)}


def check(server: Server, town: Town) -> None:
    """AssertionError unless every kind of question is answered rightly, by a valid signature."""
    said = {"valid": "good", "held": "revoked certificateHold", "revoked": "revoked keyCompromise"}
    issuer = Certificate.load(town.issuer.certificate)
    for place in (0, 1, 2):
        serial = town.serials[place]
        for nonce in (None, NONCE):
            (answer,) = ask(server, town.question(serial, nonce))
            judge(answer, serial, issuer, SystemClock().now(), nonce)  # the signature too
            assert judges.statuses(answer) == [said[state_of(place)]]
    for digest in (SHA256, SM3):
        (answer,) = ask(server, build_request([cert_id(town.issuer, town.serials[1], digest)]))
        assert judges.statuses(answer) == [said[HELD]]
    several = build_request([town.cert_id(town.serials[2]), town.cert_id(0x99), town.cert_id(town.serials[0])])
    unknown, answer = ask(server, town.question(0x99), several)
    assert judges.statuses(unknown) == ["unknown"]
    assert judges.statuses(answer) == [said[GOOD], "unknown", said["revoked"]]


def raw(kind: KeyKind) -> float:
    """Signatures per second on the server's core."""
    command = ["taskset", "-c", "0", sys.executable, "-c", RAW, kind, "0.5"]
    done = subprocess.run(command, capture_output=True, check=True)
    return float(done.stdout)


def openssl_rate(openssl: OpensslTown, question: Path) -> float:
    """Requests per second of a round; 0 if it hung in it, which it does now and then."""
    with openssl.running() as fresh, suppress(CalledProcessError):
        return ab(fresh.port, question)
    return 0.0


def best(*works: Callable[[], float], rounds: int = ROUNDS, between: Callable[[], None] = lambda: None) -> list[float]:
    """The best of so many rounds of each, taking turns."""
    results: list[list[float]] = [[] for _work in works]
    for _round in range(rounds):
        for work, result in zip(works, results, strict=True):
            result.append(work())
        between()
    return [max(result) for result in results]


def write(folder: Path, town: Town, name: str, count: int, nonce: bytes | None = None) -> Requests:
    """Questions about the first so many certificates: all the same, but for the serial number."""

    def octets(place: int) -> bytes:
        return town.serials[place].to_bytes(SERIAL_OCTETS)

    before, after = post(town.question(town.serials[0], nonce)).split(octets(0))
    assert before + octets(1) + after == post(town.question(town.serials[1], nonce))
    return Requests.write(folder / name, (before + octets(place) + after for place in range(count)))


def cached_rows(folder: Path, small: Town, big: Town, openssl: OpensslTown) -> list[Row]:
    """What is kept already, beside files, cfssl and openssl; with few certificates in the books and with many."""
    hot, hot_small = write(folder, big, "hot", HOT), write(folder, small, "hot-small", HOT)
    with ours(big) as server, ours(small) as server_small:
        answers = ask(server, *map(big.question, big.serials[:HOT]))
        ask(server_small, *map(small.question, small.serials[:HOT]))
        one = folder / "one.der"
        one.write_bytes(big.question(big.serials[0]))
        files = Requests.write(folder / "files", [get(f"/{place:08}") for place in range(HOT)])
        with nginx(folder / "nginx", answers) as static, cfssl(folder / "cfssl", answers) as peer:
            assert ask(peer, big.question(big.serials[5])) == [answers[5]]
            cached, static_rate, peer_rate, cached_small, close, openssl_close = best(
                lambda: wrk(server.port, hot),
                lambda: wrk(static.port, files),
                lambda: wrk(peer.port, hot),
                lambda: wrk(server_small.port, hot_small),
                lambda: ab(server.port, one),
                lambda: openssl_rate(openssl, openssl.question),
                between=lambda: check(server, big),
            )
            tail, tail_rate = p99_at_80(server.port, hot, rounds=ROUNDS)
            control = min(p99_at(static.port, files, tail_rate) for _round in range(ROUNDS))
    return [
        row("cached_vs_nginx", cached, "per s", "nginx, static files kept open", static_rate),
        row("cached_vs_cfssl", cached, "per s", "cfssl ocspserve", peer_rate),
        row("cached_close_vs_openssl", close, "per s", "openssl ocsp, P-256, a connection each", openssl_close),
        row("p99_ms_at_80", tail, "ms", "goal", 8),
        row("p99_ms_control", tail, "ms", "nginx, asked at the same rate by the same client", control),
        row("growth_10k_to_1m", cached, "per s", "the same with 10,000 certificates", cached_small),
    ]


def nonce_rows(folder: Path, town: Town, kind: KeyKind, label: str) -> list[Row]:
    """Signed for each question, beside the signature alone."""
    nonced = write(folder, town, f"nonced-{label}", 1_000, NONCE)
    with ours(town) as server:

        def signed() -> float:
            answers, used = counted(server)["signed_once"], server.processor_seconds()
            wrk(server.port, nonced)
            return (counted(server)["signed_once"] - answers) / (server.processor_seconds() - used)

        rate, raw_rate = best(signed, lambda: raw(kind), rounds=NONCE_ROUNDS, between=lambda: check(server, town))
        rows = [row(f"nonce_{label}_vs_raw", rate, "per s of processor", "the signature alone", raw_rate)]
        if kind is KeyKind.SM2:
            tail, _rate = p99_at_80(server.port, nonced, rounds=ROUNDS)
            rows.append(row("nonce_sm2_p99_ms_at_80", tail, "ms", "goal", 20))
    return rows


def nonce_close_row(folder: Path, town: Town, openssl: OpensslTown) -> Row:
    """Signed for each question, over a connection for each, beside openssl."""
    one = folder / "nonced.der"
    one.write_bytes(town.question(town.serials[2], NONCE))
    with ours(town) as server:
        rate, peer = best(
            lambda: ab(server.port, one),
            lambda: openssl_rate(openssl, openssl.nonced),
            between=lambda: check(server, town),
        )
    return row("nonce_p256_close_vs_openssl", rate, "per s", "openssl ocsp, P-256, a connection each", peer)


def million_rows(folder: Path, town: Town, cache_mib: int) -> list[Row]:
    """Any of a million, of which a part is kept; the others are looked up and signed (P-256).

    The cache is filled before: what is measured is how it goes on from there, and `million_hits` says how full it was.
    """
    count = len(town.serials)
    any_of_them = write(folder, town, "million", count)
    hot = write(folder, town, "hot-again", HOT)
    with ours(town, cache_mib) as server:
        end = time.monotonic() + WARM_SECONDS
        # Each once, one after the other: from then on the share of what is kept stays as it is.
        while (signed := counted(server)["signed"]) < count and time.monotonic() < end:
            wrk(server.port, any_of_them, WARM_SLICE, start=signed)
        before = counted(server)
        (rate,) = best(
            lambda: wrk(server.port, any_of_them, random=True), rounds=ROUNDS, between=lambda: check(server, town)
        )
        after = counted(server)
        memory = server.memory_mb()
        (cached_again,) = best(lambda: wrk(server.port, hot), rounds=ROUNDS // 2)
    hits, signed = (after[name] - before[name] for name in ("cached", "signed"))
    return [
        row("million_vs_cached", rate, "per s", "10,000 hot ones", cached_again),
        row("million_hits", hits, "answers", "all that were given meanwhile", hits + signed),
        row("million_rss_mb", memory, "MiB", "goal", 400),
    ]


def crl_row(folder: Path) -> Row:
    """A revocation list of a million entries; its memory and a peer are in `bench.crl`."""
    seconds, _memory = crl.million(folder)
    return row("crl_million_seconds", seconds, "s", "goal", 30)


def require_peers() -> None:
    """End with a word of advice where a program is missing."""
    if missing := [package for program, package in PEERS.items() if shutil.which(program) is None]:
        sys.exit(f"Not all that is compared with is here: apt-get install {' '.join(missing)}")


def main() -> None:
    """Found the towns, measure, report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all if none is named")
    parser.add_argument("--count", type=int, default=MILLION)
    parser.add_argument("--cache-mib", type=int, default=CACHE_MIB)
    given = parser.parse_args()
    parts = given.parts or PARTS
    if set(parts) - set(PARTS):
        parser.error(f"there are {', '.join(PARTS)}")
    require_peers()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="yinxin-bench-") as name:
        folder = Path(name)
        openssl = OpensslTown.build(folder / "openssl")
        small = found(folder / "small", KeyKind.RSA_3072, KeyKind.P256, HOT)
        if {"cached", "million"} & set(parts):
            big = found(folder / "big", KeyKind.RSA_3072, KeyKind.P256, given.count)
        if "cached" in parts:
            rows += cached_rows(folder, small, big, openssl)
        if "nonce" in parts:
            sm2 = found(folder / "sm2", KeyKind.SM2, KeyKind.SM2, HOT)
            rsa = found(folder / "rsa", KeyKind.RSA_3072, KeyKind.RSA_2048, HOT)
            rows += nonce_rows(folder, sm2, KeyKind.SM2, "sm2")
            rows += nonce_rows(folder, rsa, KeyKind.RSA_2048, "rsa2048")
            rows.append(nonce_close_row(folder, small, openssl))
        if "million" in parts:
            rows += million_rows(folder, big, given.cache_mib)
        if "crl" in parts:
            rows.append(crl_row(folder))
    if set(parts) != set(PARTS):
        rows = renewed("ocsp", rows)
    report("ocsp", f"Certificate status, {given.count:,} certificates, one core", rows)


if __name__ == "__main__":
    main()
