"""Who may do what: keys, scopes, visits of browsers, and the record of what was done."""
