"""At which moments a verdict about a certificate can turn: between two of them it is the same, and is given once.

A verdict depends on the moment only by comparing it with dates in the material. Documents of one office are judged by
the same certificates and lists, each as of another moment; most of the work of judging is that of this one verdict.
"""

from bisect import bisect
from collections.abc import Iterator
from datetime import datetime, timedelta

from asn1crypto import crl, ocsp, x509

from seals.pades.evidence import Knowledge
from seals.pades.remembered import Remembered

TOLERANCE = timedelta(seconds=5)
"""So near a turning point nothing is taken from before: comparisons have a tolerance of their own (pyHanko: 1 s)."""


def interval(anchors: tuple[bytes, ...], certificate: bytes, known: Knowledge, moment: datetime) -> int | None:
    """Between which turning points the moment lies; None if it is too near to one."""
    points = _turning_points(anchors, certificate, known)
    place = bisect(points, moment)
    near = (*points[max(0, place - 1) : place], *points[place : place + 1])
    return None if any(abs(point - moment) <= TOLERANCE for point in near) else place


def _turning_points(anchors: tuple[bytes, ...], certificate: bytes, known: Knowledge) -> tuple[datetime, ...]:
    question = anchors, certificate, known.fingerprint
    return _known_points.result(question, lambda: tuple(sorted(set(_dates(anchors, certificate, known)))))


_known_points: Remembered[tuple[datetime, ...]] = Remembered(256)


def _dates(anchors: tuple[bytes, ...], certificate: bytes, known: Knowledge) -> Iterator[datetime]:
    serials = set()
    for der in (certificate, *anchors, *known.certificates):
        body = x509.Certificate.load(der)
        serials.add(body.serial_number)
        yield body.not_valid_before
        yield body.not_valid_after
    for der in known.crls:
        body = crl.CertificateList.load(der)["tbs_cert_list"]
        yield from _given(body["this_update"].native, body["next_update"].native)
        for entry in body["revoked_certificates"] or ():
            if entry["user_certificate"].native in serials:
                yield entry["revocation_date"].native
    for der in known.ocsp_responses:
        answer = ocsp.OCSPResponse.load(der)
        if answer["response_status"].native != "successful":
            continue
        yield answer.response_data["produced_at"].native
        for single in answer.response_data["responses"]:
            yield from _given(single["this_update"].native, single["next_update"].native)
            if single["cert_status"].name == "revoked":
                yield single["cert_status"].chosen["revocation_time"].native


def _given(*moments: datetime | None) -> Iterator[datetime]:
    yield from (moment for moment in moments if moment is not None)
