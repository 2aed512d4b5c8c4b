"""The QuickBooks Online sandbox: companies (realms) with customers, invoices, payments and what these refer to.

Vendor facts are from the QuickBooks fact sheet, whose sections the docstrings name.
"""
