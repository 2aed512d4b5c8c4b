"""Fields that the vendor works out by itself when a row is written (sheet 2.2)."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sandbox.salesforce.objects import STAGES
from sandbox.salesforce.schema import Row, SObject

_CENT = Decimal("0.01")


def derive(sobject: SObject, row: Row, sent: dict[str, Any], before: Row | None) -> None:
    """Fill in the computed fields of `row`; `sent` are the fields that the writer gave."""
    if sobject.name == "Contact":
        row["Name"] = " ".join(part for part in (row.get("FirstName"), row.get("LastName")) if part)
    elif sobject.name == "Opportunity":
        _opportunity(row, sent, before)


def _opportunity(row: Row, sent: dict[str, Any], before: Row | None) -> None:
    probability, forecast, closed, won = STAGES[row["StageName"]]
    if before is None or before["StageName"] != row["StageName"]:
        if sent.get("Probability") is None:
            row["Probability"] = float(probability)
        if sent.get("ForecastCategoryName") is None:
            row["ForecastCategoryName"] = forecast
    row["IsClosed"], row["IsWon"] = closed, won
    row["HasOpportunityLineItem"] = False
    row["ExpectedRevenue"] = _share(row.get("Amount"), row.get("Probability"))
    closes = date.fromisoformat(row["CloseDate"])
    row["FiscalYear"], row["FiscalQuarter"] = closes.year, (closes.month + 2) // 3
    row["Fiscal"] = f"{row['FiscalYear']} {row['FiscalQuarter']}"


def _share(amount: float | None, percent: float | None) -> float | None:
    if amount is None or percent is None:
        return None
    return float((Decimal(str(amount)) * Decimal(str(percent)) / 100).quantize(_CENT, ROUND_HALF_UP))
