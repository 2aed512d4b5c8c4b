"""Xero: contacts, sales invoices and payments by the Accounting API 2.0."""
