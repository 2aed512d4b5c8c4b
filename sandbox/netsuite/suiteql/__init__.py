"""SuiteQL: a SQLite copy of the records, a translation of the dialect, and answers in the vendor's form."""
