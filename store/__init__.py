"""Everything that must not be lost: tables, migrations, transactions, named queries."""
