"""pyHanko's own validation of the documents in a folder, in a process of its own: nothing of ours is imported here.

Our modules teach pyHanko to read quickly wherever they are imported; here it is as it is installed.
Each line that comes in is a number of seconds; the answer is how many documents a second it validated in them.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from itertools import cycle
from pathlib import Path

from asn1crypto import crl, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESPassed
from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY
from pyhanko.sign.validation import DocumentSecurityStore
from pyhanko.sign.validation.ades import ades_with_time_validation
from pyhanko.sign.validation.policy_decl import (
    CertificateFetchingRule,
    LocalKnowledge,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.policy_decl import REQUIRE_REVINFO, CertRevTrustPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer


def is_valid(document: bytes, root: bytes, now: datetime) -> bool:
    """Whether pyHanko passes it: later changes, signature, time stamp, paths and status by the document's evidence."""
    reader = PdfFileReader(BytesIO(document))
    (embedded,) = reader.embedded_regular_signatures
    embedded.compute_integrity_info(DEFAULT_DIFF_POLICY)
    store = DocumentSecurityStore.read_dss(reader)
    specification = SignatureValidationSpec(
        CertValidationPolicySpec(
            trust_manager=SimpleTrustManager.build([x509.Certificate.load(root)]),
            revinfo_policy=CertRevTrustPolicy(REQUIRE_REVINFO, retroactive_revinfo=True),
        ),
        revinfo_gathering_policy=RevocationInfoGatheringSpec(
            RevinfoOnlineFetchingRule.LOCAL_ONLY, certificate_fetching_rule=CertificateFetchingRule.NEVER_FETCH
        ),
        local_knowledge=LocalKnowledge(
            known_crls=[CRLContainer(crl.CertificateList.load(one.get_object().data)) for one in store.crls],
            known_certs=list(store.load_certs()),
        ),
        # Either makes a signer, as with ours; pyHanko's own default asks for both.
        key_usage_settings=KeyUsageConstraints(key_usage={"digital_signature", "non_repudiation"}),
    )
    result = asyncio.run(
        ades_with_time_validation(
            embedded.signed_data,
            specification,
            timing_info=ValidationTimingInfo(now, now, point_in_time_validation=True),
            raw_digest=embedded.compute_digest(),
        )
    )
    return result.ades_subindic == AdESPassed.OK and embedded.diff_result is not None


def main(folder: Path, moment: str) -> None:
    """Validate one after the other whenever it is asked for."""
    root, now = (folder / "root.der").read_bytes(), datetime.fromisoformat(moment)
    documents: Sequence[bytes] = [path.read_bytes() for path in sorted(folder.glob("*.pdf"))]
    assert all(is_valid(document, root, now) for document in documents), "the peer must pass them too"
    endless = cycle(documents)
    for line in sys.stdin:
        count, begin = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - begin) < float(line):
            is_valid(next(endless), root, now)
            count += 1
        print(count / elapsed, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
