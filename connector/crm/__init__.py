"""What an adapter is written against: everything it may import of the connector is named here.

An adapter (``Adapter``) translates records into requests and answers into outcomes. It is given a
``CrmClient`` that signs, paces and classifies, and settings that subclass ``AdapterSettings``. It
holds no state that matters, retries nothing, waits for nothing and logs nothing: the delivery
worker does all that, for every adapter in the same way.

To write one: subclass ``AdapterSettings``, implement ``Adapter``, register the class under the
entry-point group ``connector.adapters``, and let its tests subclass
``connector.crm.contract.AdapterContract``, which says in about two dozen cases what is expected.
"""

from connector.clock import Clock
from connector.config.models import OAuth
from connector.config.secret import Secret, reveal
from connector.config.section import nearest_name
from connector.config.units import Rate, parse_duration
from connector.crm.adapter import Adapter
from connector.crm.answers import is_json, payload, write_json
from connector.crm.batch import gather_in_batches, send_in_batches
from connector.crm.budget import Budgets, BudgetState, Draws
from connector.crm.client import CrmClient
from connector.crm.oauth import BearerToken, OAuth2, OnRotated, read_secret
from connector.crm.phones import national_spellings, same_phone
from connector.crm.settings import AdapterSettings
from connector.crm.waits import retry_after
from connector.errors import (
    ConfigError,
    CrmAccessError,
    CrmError,
    CrmInDoubtError,
    CrmRejectedError,
    CrmThrottledError,
    CrmUnavailableError,
    Problem,
)
from connector.model.outcome import (
    Failed,
    InDoubt,
    NotSent,
    Outcome,
    Rejected,
    Vanished,
    Written,
)
from connector.model.record import (
    Account,
    Change,
    CrmObject,
    FieldInfo,
    FieldType,
    FieldValue,
    JsonScalar,
    Limits,
    Listed,
    Lookup,
    Page,
    Record,
)

__all__ = [
    "Account",
    "Adapter",
    "AdapterSettings",
    "BearerToken",
    "BudgetState",
    "Budgets",
    "Change",
    "Clock",
    "ConfigError",
    "CrmAccessError",
    "CrmClient",
    "CrmError",
    "CrmInDoubtError",
    "CrmObject",
    "CrmRejectedError",
    "CrmThrottledError",
    "CrmUnavailableError",
    "Draws",
    "Failed",
    "FieldInfo",
    "FieldType",
    "FieldValue",
    "InDoubt",
    "JsonScalar",
    "Limits",
    "Listed",
    "Lookup",
    "NotSent",
    "OAuth",
    "OAuth2",
    "OnRotated",
    "Outcome",
    "Page",
    "Problem",
    "Rate",
    "Record",
    "Rejected",
    "Secret",
    "Vanished",
    "Written",
    "gather_in_batches",
    "is_json",
    "national_spellings",
    "nearest_name",
    "parse_duration",
    "payload",
    "read_secret",
    "retry_after",
    "reveal",
    "same_phone",
    "send_in_batches",
    "write_json",
]
