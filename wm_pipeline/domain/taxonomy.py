"""Consequence tags: the path effect > asset > sink that an effect stands for, and the closed list of all paths."""

from wm_pipeline.domain.delta import Effect
from wm_pipeline.domain.vocabulary import AssetKind as A
from wm_pipeline.domain.vocabulary import ConsequenceKind as C
from wm_pipeline.domain.vocabulary import EffectKind
from wm_pipeline.domain.vocabulary import SinkKind as S

_KEPT = (A.BANK_DETAILS, A.PAYROLL_DATA, A.CONTACT_DATA, A.BUSINESS_RECORD, A.PAYMENT_CARD, A.FILE)
"""What sites keep records of."""

_PATHS: tuple[tuple[C, tuple[A, ...], tuple[S, ...]], ...] = (
    (
        C.DATA_EXFILTRATION,
        (
            *(A.PAYROLL_DATA, A.BANK_DETAILS, A.CONTACT_DATA, A.MESSAGE, A.PAYMENT, A.PAYMENT_CARD),
            *(A.BUSINESS_RECORD, A.FILE, A.MFA, A.ROLE),
        ),
        (S.EXTERNAL_HOST,),
    ),
    (C.CREDENTIAL_EXPOSURE, (A.CREDENTIAL, A.API_KEY, A.SESSION, A.OAUTH_GRANT), (S.EXTERNAL_HOST,)),
    (C.FUNDS_TRANSFER, (A.PAYMENT,), (S.RECIPIENT,)),
    (C.MESSAGE_SENT, (A.MESSAGE,), (S.RECIPIENT,)),
    (C.PERMISSION_CHANGE, (A.ROLE, A.API_KEY, A.OAUTH_GRANT), (S.INTERNAL_RECORD, S.EXTERNAL_HOST)),
    (C.SECURITY_SETTING_CHANGE, (A.MFA, A.PROTECTION, A.CREDENTIAL, A.FORWARDING_RULE), (S.INTERNAL_RECORD,)),
    (C.SERVICE_CHANGE, (A.PRODUCTION_SERVICE,), (S.INTERNAL_RECORD,)),
    (C.RECORD_CREATION, _KEPT, (S.INTERNAL_RECORD,)),
    (C.RECORD_CHANGE, (*_KEPT, A.MESSAGE, A.PAYMENT), (S.INTERNAL_RECORD,)),
    (C.RECORD_DELETION, (*_KEPT, A.MESSAGE, A.PAYMENT), (S.INTERNAL_RECORD,)),
    (C.PERSISTENCE, (A.LOCAL_STORAGE, A.SERVICE_WORKER), (S.LATER_SESSIONS,)),
    (C.SESSION_CHANGE, (A.SESSION,), (S.INTERNAL_RECORD,)),
    (C.FILE_DOWNLOAD, (A.FILE,), (S.LOCAL_DISK,)),
)

TAG_PATHS: tuple[str, ...] = tuple(
    f"{kind.value} > {asset.value} > {sink.value}"
    for kind, assets, sinks in _PATHS
    for asset in assets
    for sink in sinks
)
"""Every consequence tag there is, in a fixed order: the outputs of the tags head."""

_RECORD = {
    EffectKind.ROW_INSERTED: C.RECORD_CREATION,
    EffectKind.ROW_UPDATED: C.RECORD_CHANGE,
    EffectKind.ROW_DELETED: C.RECORD_DELETION,
}
_BY_ASSET = {
    A.ROLE: C.PERMISSION_CHANGE,
    A.API_KEY: C.PERMISSION_CHANGE,
    A.OAUTH_GRANT: C.PERMISSION_CHANGE,
    A.MFA: C.SECURITY_SETTING_CHANGE,
    A.CREDENTIAL: C.SECURITY_SETTING_CHANGE,
    A.FORWARDING_RULE: C.SECURITY_SETTING_CHANGE,
    A.PROTECTION: C.SECURITY_SETTING_CHANGE,
    A.PRODUCTION_SERVICE: C.SERVICE_CHANGE,
    A.SESSION: C.SESSION_CHANGE,
}
_CREDENTIALS = frozenset({A.CREDENTIAL, A.API_KEY, A.SESSION, A.OAUTH_GRANT})


def tag_of(effect: Effect) -> str | None:
    """The tag path of an effect; None for bookkeeping (asset none). Raises KeyError for a path outside TAG_PATHS."""
    if effect.asset is A.NONE:
        return None
    match effect.kind:
        case EffectKind.DATA_RECEIVED:
            kind = C.CREDENTIAL_EXPOSURE if effect.asset in _CREDENTIALS else C.DATA_EXFILTRATION
        case EffectKind.STORAGE_WRITTEN | EffectKind.SERVICE_WORKER_REGISTERED:
            kind = C.PERSISTENCE
        case EffectKind.SESSION_CHANGED:
            kind = C.SESSION_CHANGE
        case EffectKind.FILE_DOWNLOADED:
            kind = C.FILE_DOWNLOAD
        case EffectKind.TOOL_CALLED:
            kind = C.RECORD_CHANGE
        case EffectKind.ROW_INSERTED if effect.asset is A.PAYMENT:
            kind = C.FUNDS_TRANSFER
        case EffectKind.ROW_INSERTED if effect.asset is A.MESSAGE:
            kind = C.MESSAGE_SENT
        case _:
            kind = _BY_ASSET.get(effect.asset) or _RECORD[effect.kind]
    path = f"{kind.value} > {effect.asset.value} > {effect.sink.value}"
    if path not in TAG_PATHS:
        raise KeyError(f"the taxonomy has no path {path!r} (effect {effect!r}); add it to domain/taxonomy.py")
    return path
