"""One module per suite, which declares it as `SUITE` under the module's own name; `catalogue` finds them."""
