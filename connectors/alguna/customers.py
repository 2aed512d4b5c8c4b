"""Pages of customers: the SDK's own types, filled by pydantic's parser.

The SDK's constructor walks every value in Python, which took 30 % of the processor time of a pass without changes. Here
nothing is required, as the SDK requires nothing either, and a page that pydantic refuses is left to the SDK.
"""

from __future__ import annotations

import json
from types import GenericAlias
from typing import Any, cast

from alguna.core.unchecked_base_model import UncheckedBaseModel, construct_type
from alguna.types.address_response import AddressResponse
from alguna.types.contact_response import ContactResponse
from alguna.types.customer_list_response import CustomerListResponse
from alguna.types.customer_response import CustomerResponse
from alguna.types.pagination_meta import PaginationMeta
from pydantic import ValidationError, create_model


def _lenient(model: type[UncheckedBaseModel], **nested: Any) -> Any:
    """The model with every field optional, and some of its fields of other types."""
    types: dict[str, Any] = {name: nested.get(name, field.annotation) for name, field in model.model_fields.items()}
    fields: Any = {name: (annotation | None, None) for name, annotation in types.items()}
    return create_model(model.__name__, __base__=model, **fields)


def _list_of(model: Any) -> GenericAlias:
    return GenericAlias(list, (model,))


_CONTACT = _lenient(ContactResponse)
_CUSTOMER = _lenient(CustomerResponse, contacts=_list_of(_CONTACT), billing_address=_lenient(AddressResponse))
_PAGE = _lenient(CustomerListResponse, data=_list_of(_CUSTOMER), pagination=_lenient(PaginationMeta))


def parse_customers(content: bytes) -> CustomerListResponse:
    """Return a page of `GET /customers` (Alguna sheet 1.4, 2.1). Raises ValueError for what is no JSON."""
    try:
        return cast(CustomerListResponse, _PAGE.model_validate_json(content))
    except ValidationError:
        found = construct_type(type_=CustomerListResponse, object_=json.loads(content))
        return cast(CustomerListResponse, found)
