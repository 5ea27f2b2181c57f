"""Signatures and time stamps that lie beside their files: which file belongs to which, by their names.

`notice.pdf.p7s` is about `notice.pdf`. `notice.p7s` is about the file beside it that is called `notice` otherwise;
where there are several, about the one that it fits. A name only proposes: whether it fits, the digest says.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from core.clock import Clock
from core.i18n import _
from seals.verification.files import verify_file
from seals.verification.report import Finding, Report, Verdict
from seals.verification.trust import Trust

SIGNATURES = frozenset({".p7s", ".p7m", ".p7b", ".p7", ".cms", ".sig", ".tsr", ".tst"})
"""Suffixes of what lies beside its file."""
_UNFIT = {"content-changed", "timestamp-wrong", "signature-wrong"}
_UNSIGNED = {"no-signature", "unknown-kind"}


class Neighbours:
    """Which files lie beside which; the folder that was asked about last is not listed again."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._stems: dict[str, list[Path]] = {}

    def _called(self, stem: str, folder: Path) -> list[Path]:
        """The entries of the folder with this name before their suffix, by name."""
        if folder != self._folder:
            self._folder, self._stems = folder, defaultdict(list)
            for one in sorted(folder.iterdir()) if folder.is_dir() else ():
                self._stems[one.stem].append(one)
        return self._stems.get(stem, [])

    def contents(self, signature: Path) -> list[Path]:
        """What a signature or time stamp may be about."""
        exact = signature.with_name(signature.stem)
        if exact.is_file():
            return [exact]
        beside = self._called(signature.stem, signature.parent)
        return [one for one in beside if not _is_signature(one) and one.is_file()]

    def signatures(self, document: Path) -> list[Path]:
        """What may vouch for a file."""
        stems = dict.fromkeys((document.name, document.stem))
        beside = [one for stem in stems for one in self._called(stem, document.parent) if one.name != document.name]
        return [one for one in beside if _is_signature(one) and one.is_file()]

    def related(self, path: Path) -> list[Path]:
        """All whose change may change the verdict about a file."""
        return [*(self.contents(path) if _is_signature(path) else ()), *self.signatures(path)]


def _is_signature(path: Path) -> bool:
    return path.suffix.lower() in SIGNATURES


def verify_path(
    path: Path,
    trust: Trust,
    clock: Clock,
    *,
    name: str = "",
    password: str | None = None,
    neighbours: Neighbours | None = None,
) -> Report:
    """The report on a file, with what lies beside it: what a signature is about, or what vouches for the file."""
    beside = neighbours or Neighbours()
    report = verify_file(path, trust, clock, name=name, password=password)
    codes = {finding.code for finding in report.all_findings()}
    if "content-missing" in codes:
        return _with_content(path, report, beside.contents(path), trust, clock)
    if report.signatures or not codes & _UNSIGNED:
        return report
    return _vouched_for(path, report, beside, trust, clock)


def _with_content(path: Path, report: Report, contents: Sequence[Path], trust: Trust, clock: Clock) -> Report:
    judged = [
        replace(verify_file(path, trust, clock, name=report.document, content=one), content=one.name)
        for one in contents
    ]
    fitting = [one for one in judged if not _UNFIT & {finding.code for finding in one.all_findings()}]
    if fitting or len(judged) == 1:
        return (fitting or judged)[0]
    if not judged:
        return report
    names = ", ".join(one.name for one in contents)
    text = _("of several files beside it, it is about none: {names}").format(names=names)
    return replace(report, findings=[*report.findings, Finding("content-missing", text, Verdict.INDETERMINATE)])


def _vouched_for(path: Path, report: Report, beside: Neighbours, trust: Trust, clock: Clock) -> Report:
    """The report on a file without a signature of its own, by the signatures beside it that are about it."""
    found = [(one, verify_path(one, trust, clock, neighbours=beside)) for one in beside.signatures(path)]
    about = [(one, judged) for one, judged in found if judged.content == path.name]
    if not about:
        return report
    names = ", ".join(one.name for one, _judged in about)
    finding = Finding(
        "signed-beside", _("what vouches for it lies beside it: {names}").format(names=names), Verdict.VALID
    )
    return replace(
        report,
        verdict=max(judged.verdict for _one, judged in about),
        findings=[finding],
        signatures=[signature for _one, judged in about for signature in judged.signatures],
    )
