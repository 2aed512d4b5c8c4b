"""What is written of customers: values by their dotted names; inactive is the only deletion (QuickBooks sheet 2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from connectors.protocols import Current, WriteResult, WriteStatus
from connectors.quickbooks.records import Row, customer_record, object_of
from connectors.quickbooks.writer import Item, ObjectWriter, gone, row_of, target
from core.records import Entity, Operation, OperationKind


class CustomerWriter(ObjectWriter):
    """See `connectors.quickbooks.writer.ObjectWriter`."""

    entity = Entity.ACCOUNTS

    def items(self, operations: Sequence[Operation], current: Mapping[int, Current]) -> Iterator[Item]:
        """One item each."""
        for operation in operations:
            if operation.kind is OperationKind.CREATE:
                filled = {name: value for name, value in operation.values.items() if value is not None}
                yield self.item(operation, "create", object_of(filled))
                continue
            row = row_of(operation, current)
            if row is None:
                yield gone(operation)
            elif operation.kind is OperationKind.ARCHIVE:
                yield self.item(operation, "update", {**target(row), "sparse": True, "Active": False})
            else:
                values = object_of(operation.values, row)
                yield self.item(operation, "update", {**target(row), "sparse": True, **values})

    def results(self, operations: Sequence[Operation], row: Row) -> Iterator[WriteResult]:
        """The customer as it is stored."""
        for operation in operations:
            record = customer_record(row, operation.values.keys())
            shown = None if operation.kind is OperationKind.ARCHIVE else record
            yield WriteResult(operation.id, WriteStatus.DONE, record.id, shown)
