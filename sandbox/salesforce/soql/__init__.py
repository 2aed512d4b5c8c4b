"""SOQL: text to tree, tree to Python closures and index access."""
