"""HubSpot: companies, contacts and deals of one portal."""
