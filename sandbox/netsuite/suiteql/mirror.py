"""The tables that SuiteQL sees, kept beside the records in SQLite (sheet 3).

Dates and times are stored with a mark in front, so that whatever a query makes of them is known to be one and is told
in the user's own format. Rows lie in no useful order: a query without ORDER BY, or with ties, gets none.
"""

import sqlite3
from collections.abc import Iterable
from decimal import Decimal
from zlib import crc32

from sandbox.netsuite.customers import billing_address
from sandbox.netsuite.record_types import CUSTOMER, INVOICE, PAYMENT
from sandbox.netsuite.records import Change, Records
from sandbox.netsuite.schema import Row
from sandbox.netsuite.values import local, text_of

MARK = "\x01"
TABLES: dict[str, str] = {
    "customer": "id INTEGER, externalid, entityid, companyname, isperson, firstname, lastname, email, altemail, phone,"
    " altphone, url, comments, accountnumber, isinactive, currency INTEGER, terms INTEGER, defaultbillingaddress,"
    " custentity_alguna_mrr NUMERIC, custentity_alguna_rev, datecreated, lastmodifieddate",
    "customersubsidiaryrelationship": "id INTEGER, entity INTEGER, subsidiary INTEGER, isprimarysub",
    "customeraddressbook": "internalid INTEGER, entity INTEGER, addressbookaddress, label, defaultbilling,"
    " defaultshipping",
    "entityaddress": "nkey, addressee, attention, addr1, addr2, addr3, city, state, zip, country, addrphone",
    "transaction": "id INTEGER, type, recordtype, externalid, tranid, transactionnumber, entity INTEGER, trandate,"
    " duedate, postingperiod INTEGER, currency INTEGER, exchangerate NUMERIC, memo, otherrefnum, status, voided,"
    " terms INTEGER, approvalstatus, foreigntotal NUMERIC, foreignamountpaid NUMERIC, foreignamountunpaid NUMERIC,"
    " taxtotal NUMERIC, custbody_alguna_rev, lastmodifiedby INTEGER, createddate, lastmodifieddate",
    "transactionline": "transaction_ INTEGER, id INTEGER, linesequencenumber INTEGER, mainline, taxline,"
    " item INTEGER, memo, quantity NUMERIC, rate NUMERIC, foreignamount NUMERIC, subsidiary INTEGER, account INTEGER,"
    " uniquekey INTEGER",
    "nexttransactionlinelink": "previousdoc INTEGER, nextdoc INTEGER, foreignamount NUMERIC, linktype, nexttype",
    "deletedrecord": "recordid INTEGER, type, scriptid, name, deletedby INTEGER, deleteddate",
    "currency": "id INTEGER, name, symbol, currencyprecision INTEGER, isbasecurrency",
    "subsidiary": "id INTEGER, name, currency INTEGER, isinactive",
    "account": "id INTEGER, acctnumber, accountsearchdisplayname, accttype, isinactive",
    "item": "id INTEGER, itemid, displayname, itemtype, isinactive",
    "salestaxitem": "id INTEGER, itemid, rate NUMERIC, taxtype INTEGER, isinactive",
    "term": "id INTEGER, name, daysuntilnetdue INTEGER",
    "accountingperiod": "id INTEGER, periodname, startdate, enddate, closed",
    "dual": "dummy",
}
"""Columns by table. `transaction_` stands for `transaction`, which SQLite keeps for itself."""

DATES = frozenset(
    {"datecreated", "createddate", "lastmodifieddate", "trandate", "duedate", "deleteddate", "startdate", "enddate"}
)
_INDEXED = {
    "customer": ("id", "externalid"),
    "transaction": ("id", "externalid", "entity"),
    "transactionline": ("transaction_",),
    "nexttransactionlinelink": ("previousdoc", "nextdoc"),
    "customersubsidiaryrelationship": ("entity",),
    "customeraddressbook": ("entity",),
    "entityaddress": ("nkey",),
}


class Mirror:
    """One SQLite database in memory; the records tell it of every save."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._count = 0
        self.database = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self.database.execute("PRAGMA case_sensitive_like = ON")
        for name, columns in TABLES.items():
            self.database.execute(f'CREATE TABLE "{name}" ({columns})')
            for column in _INDEXED.get(name, ()):
                self.database.execute(f'CREATE INDEX "{name}_{column}" ON "{name}" ({column})')
        self.rebuild()
        records.listeners.append(self.follow)

    def rebuild(self) -> None:
        """Copy everything again, as after a reset or a new set-up."""
        for name in TABLES:
            self.database.execute(f'DELETE FROM "{name}"')
        self._lookups()
        for kind in (CUSTOMER, INVOICE, PAYMENT):
            for row in self._records.rows[kind.name].values():
                self._put(kind.name, row)
        for gone in self._records.deleted:
            self._deleted(gone)

    def follow(self, change: Change) -> None:
        """Take over one save or deletion."""
        self._drop(change.kind.name, change.id)
        if change.after is not None:
            self._put(change.kind.name, change.after)
        else:
            self._deleted(self._records.deleted[-1])

    def _drop(self, kind: str, record_id: str) -> None:
        run = self.database.execute
        if kind == CUSTOMER.name:
            run("DELETE FROM customer WHERE id = ?", (record_id,))
            run("DELETE FROM customersubsidiaryrelationship WHERE entity = ?", (record_id,))
            held = "SELECT addressbookaddress FROM customeraddressbook WHERE entity = ?"
            run(f"DELETE FROM entityaddress WHERE nkey IN ({held})", (record_id,))
            run("DELETE FROM customeraddressbook WHERE entity = ?", (record_id,))
            return
        run('DELETE FROM "transaction" WHERE id = ?', (record_id,))
        run("DELETE FROM transactionline WHERE transaction_ = ?", (record_id,))
        run("DELETE FROM nexttransactionlinelink WHERE nextdoc = ?", (record_id,))

    def _put(self, kind: str, row: Row) -> None:
        if kind == CUSTOMER.name:
            self._customer(row)
        else:
            self._transaction(kind, row)

    def _customer(self, row: Row) -> None:
        billing = billing_address(row)
        nkey = None if billing is None else billing["id"]
        self._insert("customer", [{**self._plain(CUSTOMER.fields, row), "defaultbillingaddress": nkey}])
        link = {"id": row["id"], "entity": row["id"], "subsidiary": row["subsidiary"], "isprimarysub": "T"}
        self._insert("customersubsidiaryrelationship", [link])
        for line in row.get("addressBook", []):
            book = {"internalid": line["id"], "entity": row["id"], "addressbookaddress": line["id"]}
            flags = {name.lower(): _flag(line.get(name, False)) for name in ("defaultBilling", "defaultShipping")}
            self._insert("customeraddressbook", [{**book, **flags, "label": line.get("label")}])
            parts = {name.lower(): value for name, value in line.get("addressBookAddress", {}).items()}
            self._insert("entityaddress", [{"nkey": line["id"], **parts}])

    def _transaction(self, kind: str, row: Row) -> None:
        invoice = kind == INVOICE.name
        fields = (INVOICE if invoice else PAYMENT).fields
        left = row["amountRemaining"] if invoice else row["unapplied"]
        own = {
            "type": "CustInvc" if invoice else "CustPymt",
            "recordtype": kind.lower(),
            "entity": row["entity" if invoice else "customer"],
            "voided": _flag(row["status"] == "V"),
            # A payment counts against receivables.
            "foreigntotal": row["total"] if invoice else text_of(-Decimal(row["total"])),
            "foreignamountpaid": row.get("amountPaid"),
            "foreignamountunpaid": left,
            "lastmodifiedby": row["_by"],
        }
        self._insert("transaction", [{**self._plain(fields, row), **own}])
        self._insert("transactionline", self._lines(row, invoice=invoice))
        self._insert(
            "nexttransactionlinelink",
            [
                {"previousdoc": line["doc"], "nextdoc": row["id"], "foreignamount": line["amount"]}
                | {"linktype": "Payment", "nexttype": "CustPymt"}
                for line in row.get("apply", [])
            ],
        )

    def _lines(self, row: Row, *, invoice: bool) -> Iterable[Row]:
        """The header line, and the items with their sign turned, as the ledger has them (sheet 3)."""
        head = {"transaction_": row["id"], "subsidiary": row["subsidiary"]}
        account = row["account"] if invoice else row["arAcct"]
        yield {**head, "id": 0, "linesequencenumber": 0, "mainline": "T", "account": account, "taxline": "F"}
        for line in row.get("item", []):
            yield {
                **head,
                "id": line["line"],
                "linesequencenumber": line["line"],
                "mainline": "F",
                "taxline": "F",
                "item": line["item"],
                "memo": line.get("description"),
                "quantity": text_of(-Decimal(line["quantity"])),
                "rate": line["rate"],
                "foreignamount": text_of(-Decimal(line["amount"])),
                "uniquekey": line["lineUniqueKey"],
            }

    def _deleted(self, gone: Row) -> None:
        at = MARK + local(gone["deleteddate"], self._records.setup.time_zone)
        self._insert("deletedrecord", [{**gone, "scriptid": gone["type"], "deleteddate": at}])

    def _plain(self, fields: Iterable[object], row: Row) -> Row:
        """A record's own fields as columns: booleans as T and F, times in the account's zone."""
        zone = self._records.setup.time_zone
        made: Row = {"id": row["id"]}
        for name, value in row.items():
            low = name.lower()
            if isinstance(value, bool):
                made[low] = _flag(value)
            elif low in DATES:
                made[low] = MARK + (local(value, zone) if "T" in value else f"{value} 00:00:00")
            elif not isinstance(value, list):
                made[low] = value
        return made

    def _insert(self, table: str, rows: Iterable[Row]) -> None:
        known = [part.split()[0] for part in TABLES[table].split(", ")]
        marks = ", ".join("?" for _ in range(len(known) + 1))
        sql = f'INSERT INTO "{table}" (rowid, {", ".join(known)}) VALUES ({marks})'
        for row in rows:
            self.database.execute(sql, [self._place(), *(row.get(name) for name in known)])

    def _place(self) -> int:
        """A row's place in its table: anywhere, but never one that is taken."""
        self._count += 1
        return (crc32(self._count.to_bytes(8, "big")) << 24) + (self._count & 0xFFFFFF)

    def _lookups(self) -> None:
        rows, closed = self._records.rows, self._records.setup.closed_before
        base = {"isinactive": "F"}
        self._insert("dual", [{"dummy": "X"}])
        for row in rows["currency"].values():
            flag = {"isbasecurrency": _flag(row["id"] == "1")}
            self._insert("currency", [{**row, **flag, "currencyprecision": row["currencyPrecision"]}])
        self._insert("subsidiary", [{**row, **base} for row in rows["subsidiary"].values()])
        for row in rows["account"].values():
            named = {"acctnumber": row["acctNumber"], "accountsearchdisplayname": row["name"]}
            self._insert("account", [{**base, **named, "id": row["id"], "accttype": row["acctType"]}])
        for row in rows["serviceSaleItem"].values():
            named = {"id": row["id"], "itemid": row["itemId"], "displayname": row["displayName"]}
            self._insert("item", [{**base, **named, "itemtype": "Service"}])
        for row in rows["salesTaxItem"].values():
            named = {"id": row["id"], "itemid": row["itemId"], "rate": row["rate"], "taxtype": row["taxType"]}
            self._insert("salestaxitem", [{**base, **named}])
        self._insert("term", [{**row, "daysuntilnetdue": row["daysUntilNetDue"]} for row in rows["term"].values()])
        for row in rows["accountingPeriod"].values():
            ended = closed is not None and row["endDate"] < closed.isoformat()
            days = {name.lower(): f"{MARK}{row[name]} 00:00:00" for name in ("startDate", "endDate")}
            self._insert(
                "accountingperiod", [{"id": row["id"], "periodname": row["name"], "closed": _flag(ended), **days}]
            )


def _flag(value: bool) -> str:
    return "T" if value else "F"
