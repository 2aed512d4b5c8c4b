"""Which sandboxes there are, and on which port after the base each one listens."""

from pkgutil import resolve_name

from sandbox.kit.vendor import Vendor

VENDORS: dict[str, tuple[int, str]] = {
    "alguna": (0, "sandbox.alguna.vendor:AlgunaSandbox"),
    "salesforce": (1, "sandbox.salesforce.vendor:SalesforceSandbox"),
    "hubspot": (2, "sandbox.hubspot.vendor:HubSpotSandbox"),
    "quickbooks": (3, "sandbox.quickbooks.vendor:QuickBooksSandbox"),
    "netsuite": (4, "sandbox.netsuite.vendor:NetSuiteSandbox"),
    "xero": (5, "sandbox.xero.vendor:XeroSandbox"),
}


def vendor_class(name: str) -> type[Vendor]:
    """The emulator of that name, imported only now. Raises KeyError for an unknown name."""
    found = resolve_name(VENDORS[name][1])
    if not (isinstance(found, type) and issubclass(found, Vendor)):
        raise TypeError(f"{VENDORS[name][1]} is not a Vendor")
    return found
