"""Which systems there are. Explicit, so that a new connector is one line here and one package beside this file."""

from __future__ import annotations

from connectors.alguna.provider import AlgunaProvider
from connectors.hubspot.provider import HUBSPOT
from connectors.netsuite.provider import NETSUITE
from connectors.protocols import ProviderSpec
from connectors.quickbooks.provider import QUICKBOOKS
from connectors.salesforce.provider import SALESFORCE
from connectors.xero.provider import XERO
from core.errors import FieldValidation

ALGUNA = "alguna"
_SPECS: dict[str, ProviderSpec] = {
    ALGUNA: AlgunaProvider(),
    "salesforce": SALESFORCE,
    "hubspot": HUBSPOT,
    "quickbooks": QUICKBOOKS,
    "netsuite": NETSUITE,
    "xero": XERO,
}
# Alguna is one side of every integration, never a provider.
PROVIDERS = tuple(name for name in _SPECS if name != ALGUNA)


def provider_spec(name: str) -> ProviderSpec:
    """Return what a connector package offers. Raises `FieldValidation` for a system that there is none for."""
    try:
        return _SPECS[name]
    except KeyError:
        raise FieldValidation(f"{name!r} is not a provider; there are {', '.join(PROVIDERS)}") from None
