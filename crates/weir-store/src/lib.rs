//! SQL on SQLite and PostgreSQL: the only place with SQL.
