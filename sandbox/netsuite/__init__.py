"""The NetSuite sandbox: customers, invoices and payments of one account, at SuiteTalk REST's own paths.

Facts are those of the NetSuite sheet; `sheet N` in the comments names its sections.
"""
