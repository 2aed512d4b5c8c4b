"""NetSuite by SuiteTalk REST: customers, invoices, payments. `sheet N` names sections of the NetSuite sheet."""
