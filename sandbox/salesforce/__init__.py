"""A Salesforce org of one's own: REST, SOQL and OAuth as the vendor speaks them.

"sheet 4.1" in a docstring names the section of the Salesforce fact sheet that a behaviour follows.
"""
