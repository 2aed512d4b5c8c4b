"""QuickBooks Online: customers, invoices and payments of one company (QuickBooks fact sheet)."""
