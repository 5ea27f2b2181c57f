"""The one typed configuration: `yinxin.toml` in the home folder, overridden by `YINXIN_…` in the environment.

An unknown key refuses to start: a misspelt setting that silently does nothing is worse than none.
"""

import os
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from core import files
from core.algorithms import KeyKind
from core.complaints import Complaint, complaint
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.hsm.uri import Pkcs11Uri

FILE_NAME = "yinxin.toml"
ENVIRONMENT_PREFIX = "YINXIN_"

Port = Annotated[int, Field(ge=0, le=65535)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StorageSettings(_Section):
    """Where records are kept."""

    url: str = ""
    """SQLAlchemy URL; empty: `yinxin.db` in the home folder. PostgreSQL: `postgresql+psycopg://user@host/yinxin`."""


class CentreSettings(_Section):
    """Who runs the centre; becomes the subject of its own certificates."""

    organization: str = "示范市数字证书认证中心"
    name: str = "印信"
    key_kinds: Annotated[tuple[KeyKind, ...], Field(min_length=1)] = (KeyKind.SM2, KeyKind.RSA_3072)
    """One hierarchy for each."""

    @field_validator("key_kinds")
    @classmethod
    def _one_of_each_family(cls, kinds: tuple[KeyKind, ...]) -> tuple[KeyKind, ...]:
        """Hierarchies are called by the family of their keys."""
        if len({kind.family for kind in kinds}) != len(kinds):
            raise ValueError(_("two hierarchies of the same family of keys"))
        return kinds


class Endpoint(_Section):
    """Where a service listens."""

    host: str = "127.0.0.1"
    port: Port


class CaSettings(Endpoint):
    """CRLs and CA certificates over HTTP."""

    port: Port = 8080
    crl_hours: Annotated[int, Field(ge=1, le=24 * 31)] = 24
    """How long the CRL of an issuing authority holds (nextUpdate)."""
    root_crl_hours: Annotated[int, Field(ge=24, le=24 * 400)] = 24 * 30
    """How long the CRL of a root holds."""
    crl_shards: Annotated[int, Field(ge=1, le=1024)] = 1
    """Among how many CRLs the certificates of an issuing authority are divided; fixed when it is created."""
    crl_deltas: bool = False
    """Whether an issuing authority publishes delta CRLs; fixed when it is created."""
    crl_delta_hours: Annotated[int, Field(ge=1, le=24 * 7)] = 2
    """How long a delta CRL holds."""
    crl_keeps_expired: bool = False
    """Whether certificates that were revoked stay on the CRL after they have expired (expiredCertsOnCRL)."""


class RaSettings(Endpoint):
    """Requests for certificates, and the interface for operators over HTTP."""

    port: Port = 8084
    edge_addresses: tuple[str, ...] = ()
    """Where the TLS edge connects from: only from there the header with an operator's certificate is believed."""
    issues: bool = True
    """Whether the service issues certificates, for which it opens the key store of the CA."""
    decide_days: Annotated[int, Field(ge=1, le=366)] = 30
    """What is not approved or rejected within so many days has expired."""


class NoticeSettings(_Section):
    """E-mail to holders whose certificates end soon."""

    host: str = ""
    """The mail server; empty: none."""
    port: Port = 587
    starttls: bool = True
    trust_file: str = ""
    """Certificates (PEM) by which the server's is checked; empty: those of the system."""
    user: str = ""
    """For AUTH; empty: none is asked."""
    password_file: str = ""
    """Mode 0600; the password is never written here."""
    sender: str = ""
    """The address in From."""
    stages: Annotated[tuple[Annotated[int, Field(ge=1, le=3660)], ...], Field(min_length=1)] = (60, 30, 7)
    """How many days before the end a notice is due, once for each."""

    @model_validator(mode="after")
    def _no_password_in_clear(self) -> Self:
        """A password goes over TLS only (RFC 4954 4)."""
        if self.user and not (self.starttls and self.password_file):
            raise ValueError(_("a mail user needs starttls and a password_file"))
        return self


class OcspSettings(Endpoint):
    """Certificate status."""

    port: Port = 8081
    response_hours: Annotated[int, Field(ge=1, le=24 * 7)] = 8
    """How long an answer holds (nextUpdate)."""
    archive_cutoff: bool = True
    """Say since when the status of expired certificates is kept (RFC 6960 4.4.4): since the issuer began."""
    extended_revoked: bool = False
    """Answer *revoked* instead of *unknown* for what an issuer of ours never issued (RFC 6960 2.2, 4.4.8)."""
    workers: Annotated[int, Field(ge=0, le=256)] = 0
    """Processes that answer; 0: one for each core."""
    cache_mib: Annotated[int, Field(ge=1, le=64 * 1024)] = 64
    """Memory of each process for answers that still hold."""
    nonce_per_second: Annotated[int, Field(ge=1)] = 1000
    """How many answers each process signs for one question only in a second; beyond that it says tryLater."""


class TsaSettings(Endpoint):
    """Time stamps."""

    port: Port = 8082
    policy: str = "1.3.6.1.4.1.32473.1.3.1"
    """Tokens are given under the arcs below it: .1 SM2, .2 RSA, .3 ECDSA, .4 SM2 as GM/T 0033 has it."""
    accuracy_seconds: Annotated[int, Field(ge=1, le=60)] = 1
    renew_days: Annotated[int, Field(ge=1, le=3660)] = 180
    """So many days before it weakens, the evidence of an archive is due for renewal."""
    suitable_until: dict[str, date] = {}
    """The last day of digests (`sha256`) and kinds of keys (`p256`, `rsa-2048`), beside `tsa.evidence.suitability`."""
    ordering: bool = False
    """Tell any two tokens apart by their times: to the microsecond, each later than the one before."""
    margin_hours: Annotated[int, Field(ge=0, le=24 * 366)] = 24
    """So long before its certificate's end a unit gives no more tokens."""
    clock_sources: tuple[str, ...] = ()
    """What must agree with the clock: `chrony`, `ntpd`, addresses of other time-stamping authorities."""
    clock_tolerance_ms: Annotated[int, Field(ge=1, le=60_000)] = 500
    """How far the clock may be off by what a source says."""
    clock_check_seconds: Annotated[int, Field(ge=1, le=3600)] = 30
    """How often the sources are asked."""
    workers: Annotated[int, Field(ge=0, le=256)] = 0
    """Processes that give tokens; 0: one for each core."""

    @field_validator("clock_sources")
    @classmethod
    def _known_sources(cls, sources: tuple[str, ...]) -> tuple[str, ...]:
        """A misspelt source would never agree."""
        for source in sources:
            if source not in ("chrony", "ntpd") and not source.startswith(("http://", "https://")):
                raise ValueError(_("no source of time: {source}; use chrony, ntpd or an address").format(source=source))
        return sources


class SealsSettings(Endpoint):
    """Sealing and verification over HTTP."""

    port: Port = 8083
    maximum_document_mib: Annotated[int, Field(ge=1, le=1024)] = 64
    timestamper: str = ""
    """The address below which the service finds `/tsa/sm2`, `/tsa/rsa` …; empty: where [tsa] listens."""
    edge_addresses: tuple[str, ...] = ()
    """Where the TLS edge connects from: only from there the header with a calling system's certificate is believed."""
    batch_days: Annotated[int, Field(ge=1, le=366)] = 7
    """So long the sealed documents of a batch can be fetched after its end."""
    page_per_minute: Annotated[int, Field(ge=0, le=100_000)] = 20
    """How many documents one address may hand in at the page for verification; 0: any number."""
    report_seal: str = ""
    """The seal in the register with which reports of verification are sealed; empty: they are not."""


class KmcSettings(Endpoint):
    """The key-management centre of double certificates."""

    port: Port = 8086
    url: str = ""
    """Where the certificate authority finds the centre; empty: in the home, opened by whoever issues."""
    retention_days: Annotated[int, Field(ge=1, le=36525)] = 3650
    """How long the centre keeps a key after its certificate's end."""


class AuditSettings(_Section):
    """Ordering the audit log, and its checkpoints."""

    origin: str = ""
    """What checkpoints call the log, a URL without scheme; empty: by the address of the CA. Fixed when it begins."""
    digest: Literal["sm3", "sha256"] = "sm3"
    """Of the tree; fixed when the log begins."""
    every_entries: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000
    """A checkpoint is due after so many entries."""
    every_seconds: Annotated[int, Field(ge=1, le=24 * 3600)] = 300
    """A checkpoint is due after so long, if there is anything new."""
    timestamps: bool = True
    """Have checkpoints time-stamped."""
    timestamper: str = ""
    """The address below which `/tsa/sm2`, `/tsa/rsa` … are found; empty: where [tsa] listens."""
    copies: tuple[str, ...] = ()
    """Where checkpoints are copied: folders, and addresses (http, https) that each is posted to."""

    @field_validator("origin")
    @classmethod
    def _one_word(cls, origin: str) -> str:
        """Key names of signed notes have no spaces and no plus (C2SP signed-note)."""
        if any(character.isspace() or character == "+" or not character.isprintable() for character in origin):
            raise ValueError(_("the origin of the audit log has no spaces and no plus"))
        return origin


class Sm2TokenSettings(_Section):
    """By which numbers tokens do SM2, which PKCS#11 2.40 lacks: see the vendor's manual. `sign` 0: not at all."""

    key_type: Annotated[int, Field(ge=0, lt=2**32)] = 3
    """CKK_…; 3 is CKK_EC."""
    make: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """CKM_… that makes a key pair."""
    sign: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """CKM_… that signs."""
    takes: Literal["digest", "message"] = "digest"
    """What it signs: e = SM3(Z ‖ M), or the message, which it then hashes with Z by itself."""
    parameter: Annotated[str, Field(pattern="^([0-9A-Fa-f]{2})*$")] = ""
    """The mechanism's parameter, hexadecimal."""


class KeysSettings(_Section):
    """In which token (PKCS#11 URI, RFC 7512) each authority's private keys are made; empty: in encrypted files."""

    ca: str = ""
    ocsp: str = ""
    tsa: str = ""
    seals: str = ""
    kmc: str = ""
    audit: str = ""
    sm2: Sm2TokenSettings = Sm2TokenSettings()

    @field_validator("ca", "ocsp", "tsa", "seals", "kmc", "audit")
    @classmethod
    def _names_a_token(cls, uri: str) -> str:
        """A module is needed, and no object: each key has a name of its own."""
        if uri:
            try:
                parsed = Pkcs11Uri.parse(uri)
                parsed.module  # noqa: B018
            except YinxinError as error:
                raise ValueError(error.what) from error
            if parsed != parsed.of_token:
                raise ValueError(_("the URI names a token, not a key"))
        return uri


class BackupSettings(_Section):
    """What `yinxin backup` does unless told otherwise."""

    to: str = ""
    """The folder of backups; best on another machine's disk."""
    custodians: tuple[str, ...] = ()
    """Files with the certificates of those who can open backups, from the home folder on."""
    keep: Annotated[int, Field(ge=0, le=10_000)] = 14
    """How many stay in the folder; 0: all."""


class HealthSettings(_Section):
    """When `yinxin health` and `/healthz` warn."""

    authority_warning_days: Annotated[int, Field(ge=1, le=3660)] = 365
    """Before the end of an authority's certificate: whatever it issues ends with it."""
    authority_critical_days: Annotated[int, Field(ge=1, le=3660)] = 90
    certificate_warning_days: Annotated[int, Field(ge=1, le=3660)] = 30
    """Before the end of any other certificate; of a short life, when a sixth is left."""
    certificate_critical_days: Annotated[int, Field(ge=1, le=3660)] = 7
    crl_warning_percent: Annotated[int, Field(ge=50, le=100)] = 60
    """So much of a revocation list's time has gone; a new one is due at 50."""
    crl_critical_percent: Annotated[int, Field(ge=50, le=100)] = 90
    waiting_hours: Annotated[int, Field(ge=1, le=24 * 366)] = 72
    """What waits for a person longer than this."""
    backup_warning_hours: Annotated[int, Field(ge=1, le=24 * 366)] = 36
    """Since the last backup."""
    backup_critical_hours: Annotated[int, Field(ge=1, le=24 * 366)] = 24 * 7
    disk_warning_percent: Annotated[int, Field(ge=0, le=100)] = 10
    """Free."""
    disk_critical_percent: Annotated[int, Field(ge=0, le=100)] = 3
    attended: tuple[Literal["ca", "ocsp", "tsa", "seals", "kmc", "ra", "audit"], ...] = ()
    """Whose passphrases a person brings: nobody expects that these keys open by themselves."""


class UrlSettings(_Section):
    """The addresses written into certificates: what the world reaches, not where the processes listen."""

    ca: str = "http://127.0.0.1:8080"
    ocsp: str = "http://127.0.0.1:8081"
    tsa: str = "http://127.0.0.1:8082"


class Configuration(BaseSettings):
    """Every setting, with its default."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    storage: StorageSettings = StorageSettings()
    centre: CentreSettings = CentreSettings()
    ca: CaSettings = CaSettings()
    ra: RaSettings = RaSettings()
    notices: NoticeSettings = NoticeSettings()
    ocsp: OcspSettings = OcspSettings()
    tsa: TsaSettings = TsaSettings()
    seals: SealsSettings = SealsSettings()
    kmc: KmcSettings = KmcSettings()
    audit: AuditSettings = AuditSettings()
    keys: KeysSettings = KeysSettings()
    backup: BackupSettings = BackupSettings()
    health: HealthSettings = HealthSettings()
    urls: UrlSettings = UrlSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment first, then the file (handed in as initial values), then the defaults."""
        return env_settings, init_settings


def load_configuration(home: Path) -> Configuration:
    """Read `yinxin.toml` of the home folder. `YinxinError` names the key that is wrong."""
    path = home / FILE_NAME
    if not path.exists():
        raise YinxinError(
            Kind.NOT_FOUND,
            _("no Yinxin home here"),
            subject=str(home),
            remedy=_("create one with: yinxin --home {home} init").format(home=home),
        )
    try:
        given: dict[str, Any] = tomllib.loads(files.read(path).decode())
    except ValueError as error:
        raise YinxinError(Kind.INVALID, _("not TOML: {reason}").format(reason=error), subject=str(path)) from error
    _refuse_unknown_sections()
    try:
        return Configuration(**given)
    except ValidationError as error:
        found = complaint(error)
        variable = ENVIRONMENT_PREFIX + "__".join(found.location[:2]).upper()
        raise YinxinError(
            Kind.INVALID,
            str(found),
            subject=variable if variable in os.environ else str(path),
            remedy=_("correct the setting and start again"),
        ) from error
    except SettingsError as error:
        raise YinxinError(
            Kind.INVALID,
            _("a setting in the environment cannot be read: {reason}").format(reason=error),
            subject=f"{ENVIRONMENT_PREFIX}…",
            remedy=_('write single settings as YINXIN_CA__PORT=8080, and lists as ["sm2", "rsa-3072"]'),
        ) from error


def _refuse_unknown_sections() -> None:
    """pydantic-settings passes over variables whose section it does not know; within a section it refuses."""
    for variable in os.environ:
        section, nested, _key = variable.removeprefix(ENVIRONMENT_PREFIX).lower().partition("__")
        if variable.startswith(ENVIRONMENT_PREFIX) and nested and section not in Configuration.model_fields:
            raise YinxinError(
                Kind.INVALID,
                str(Complaint((section,), _("unknown field"))),
                subject=variable,
                remedy=_("correct the setting and start again"),
            )
