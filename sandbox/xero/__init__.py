"""The Xero sandbox: the Accounting API 2.0 with its OAuth 2.0, webhooks and limits (sheet: Xero).

Where the sheet calls a behaviour unverified, the stricter one for a client is chosen: see the modules.
"""
