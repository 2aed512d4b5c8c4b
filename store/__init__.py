"""The store: tables, repositories, migrations, encryption. Implements the protocols of `core.ports` on a database."""
