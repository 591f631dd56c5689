//! Two texts of DDL, one schema.

use std::collections::BTreeSet;

use sqlx::Connection;
use weir_store::{Location, Store};

use crate::Fixture;
use crate::fixture;

/// Table, column, type, whether it may be null; and the indexes, as table, name, whether it is unique, nothing.
type Schema = BTreeSet<(String, String, String, bool)>;

async fn schema(location: &Location) -> Schema {
    match location {
        Location::Sqlite(path) => sqlite(&format!("sqlite:{}", path.display())).await,
        Location::Postgres(url) => postgres(url).await,
    }
}

async fn sqlite(url: &str) -> Schema {
    let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
    let mut schema = Schema::new();
    let columns: Vec<(String, String, String, bool, i64)> = sqlx::query_as(
        r#"select t.name, c.name, lower(c.type), c."notnull" = 1, c.pk from pragma_table_list t, pragma_table_info(t.name) c
           where t.type = 'table' and t.schema = 'main'"#,
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    for (table, column, kind, not_null, key) in columns {
        // The key of a table with a row id is never null, though SQLite does not call it so.
        schema.insert((table, column, kind, !not_null && key == 0));
    }
    let indexes: Vec<(String, String, bool)> = sqlx::query_as(
        r#"select t.name, i.name, i."unique" = 1 from pragma_table_list t, pragma_index_list(t.name) i
           where t.schema = 'main' and i.origin = 'c'"#,
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    schema.extend(indexes.into_iter().map(|(table, name, unique)| (table, name, String::from("index"), unique)));
    let loose: Vec<String> = sqlx::query_scalar(
        "select name from pragma_table_list where schema = 'main' and type = 'table' and strict = 0
         and name not like 'sqlite_%' and name not like '_sqlx%'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(loose, [""; 0], "all tables are strict");
    schema
}

async fn postgres(url: &str) -> Schema {
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    let mut schema = Schema::new();
    let columns: Vec<(String, String, String, String, Option<String>)> = sqlx::query_as(
        "select table_name::text, column_name::text, data_type::text, is_nullable::text, collation_name::text
         from information_schema.columns where table_schema = 'public'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    for (table, column, kind, nullable, collation) in columns {
        if kind == "text" && !table.starts_with("_sqlx") {
            assert_eq!(collation.as_deref(), Some("C"), "{table}.{column} is ordered by bytes");
        }
        let kind = match kind.as_str() {
            "bigint" => "integer",
            "bytea" => "blob",
            other => other,
        };
        schema.insert((table, column, kind.to_owned(), nullable == "YES"));
    }
    let indexes: Vec<(String, String, bool)> = sqlx::query_as(
        "select t.relname::text, c.relname::text, i.indisunique
         from pg_index i join pg_class c on c.oid = i.indexrelid join pg_class t on t.oid = i.indrelid
         join pg_namespace n on n.oid = t.relnamespace
         where n.nspname = 'public' and not exists (select 1 from pg_constraint k where k.conindid = i.indexrelid)",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    schema.extend(indexes.into_iter().map(|(table, name, unique)| (table, name, String::from("index"), unique)));
    schema
}

fn of_weir(schema: Schema) -> Schema {
    // The migrator's own table is not ours, and its types differ.
    schema.into_iter().filter(|(table, ..)| !table.starts_with("_sqlx") && !table.starts_with("sqlite_")).collect()
}

pub async fn the_tables_are_those_of_the_other_engine(f: Fixture) {
    let other = match f.location {
        Location::Sqlite(_) => fixture::postgres(),
        Location::Postgres(_) => fixture::sqlite(),
    };
    let own = of_weir(schema(&f.location).await);
    assert!(own.len() > 100, "{own:#?}");
    let Some((location, _folder)) = other else { return };
    Store::open(&location).await.unwrap().close().await;
    let other = of_weir(schema(&location).await);
    let differing: Vec<_> = own.symmetric_difference(&other).collect();
    assert!(differing.is_empty(), "{differing:#?}");
}

/// The tables themselves keep two writers from opening two intervals, whatever the code does.
pub async fn a_current_interval_exists_once(f: Fixture) {
    const INSERTS: &[&str] = &[
        "insert into document (upstream, path, digest, content_type, url, size, seen_from, checked_at)
         select 'u', 'p', digest, '', '', 1, 1, 1 from revision",
        "insert into fact (subject, kind, source, value, seen_from) values ('s', 'k', 's', '1', 1)",
        "insert into revision_interval (kind, digest, seen_from) select kind, digest, 2 from revision",
        "insert into advisory (kind, advisory, source, digest, modified, size, body, seen_from)
         select 'osv', 'a', 's', digest, 1, 0, body, 1 from revision",
    ];
    let kind = weir_store::RevisionKind::Policy;
    f.store.record_revision(kind, &fixture::digest("p"), b"policy", fixture::at(1)).await.unwrap();
    for (number, insert) in INSERTS.iter().enumerate() {
        // There is a current revision already.
        let tries = if number == 2 { 1 } else { 2 };
        for attempt in 0..tries {
            let result = match &f.location {
                Location::Sqlite(path) => {
                    let url = format!("sqlite:{}", path.display());
                    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
                    sqlx::query(*insert).execute(&mut connection).await.map(drop)
                }
                Location::Postgres(url) => {
                    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
                    sqlx::query(*insert).execute(&mut connection).await.map(drop)
                }
            };
            if attempt + 1 < tries {
                result.unwrap();
            } else {
                assert!(result.unwrap_err().as_database_error().unwrap().is_unique_violation(), "{insert}");
            }
        }
    }
}
