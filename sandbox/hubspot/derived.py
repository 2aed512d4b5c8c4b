"""Properties that the vendor works out by itself when a record is written (sheet 8)."""

from sandbox.hubspot.schema import ObjectType


def derive(kind: ObjectType, props: dict[str, str]) -> None:
    """Fill in the computed properties of `props`."""
    if kind.singular == "company" and "domain" in props:
        props.setdefault("website", props["domain"])
    elif kind.singular == "contact":
        props.pop("hs_email_domain", None)
        if "email" in props:
            props["hs_email_domain"] = props["email"].rpartition("@")[2]
    elif kind.singular == "deal":
        props["hs_is_closed_won"] = "true" if props.get("dealstage") == "closedwon" else "false"
