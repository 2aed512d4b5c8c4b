"""Sandboxes: emulators of Alguna and of the providers, good enough for the vendors' own clients.

They stand alone: nothing here imports the rest of the product, so that they are an independent witness of it.
"""
