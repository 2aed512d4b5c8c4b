"""The HubSpot sandbox: companies, contacts and deals of one portal per account, at the vendor's own paths.

Facts are those of the HubSpot sheet; `sheet N` in the comments names its sections.
"""
