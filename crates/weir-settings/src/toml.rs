//! TOML, edited in place by `toml_edit`.

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike};
use weir_core::client::{Change, Value};

use crate::edit::Unreadable;

pub(crate) fn change(text: &str, change: &Change) -> Result<String, Unreadable> {
    let mut document: DocumentMut = text.parse().map_err(|error| Unreadable::malformed("TOML", error))?;
    match change {
        Change::Set(path, value) => {
            let Some((last, above)) = path.split_last() else { return Ok(text.to_owned()) };
            let table = descend(document.as_table_mut(), above)
                .ok_or_else(|| Unreadable::malformed("TOML", format!("`{}` is not a table", above.join("."))))?;
            set(table, last, value);
        }
        Change::Remove(path) | Change::RemoveWith(path, _) => {
            let needle = if let Change::RemoveWith(_, needle) = change { needle } else { "" };
            let Some((last, above)) = path.split_last() else { return Ok(text.to_owned()) };
            let Some(table) = find(document.as_table_mut(), above) else { return Ok(text.to_owned()) };
            if !table.get(last).is_some_and(|item| item.to_string().contains(needle)) {
                return Ok(text.to_owned());
            }
            table.remove(last);
        }
    }
    Ok(document.to_string())
}

/// The table at a path, made where it is not there.
fn descend<'a>(table: &'a mut dyn TableLike, path: &[String]) -> Option<&'a mut dyn TableLike> {
    let Some((first, rest)) = path.split_first() else { return Some(table) };
    if !table.contains_key(first) {
        let mut new = Table::new();
        new.set_implicit(!rest.is_empty());
        table.insert(first, Item::Table(new));
    }
    descend(table.get_mut(first)?.as_table_like_mut()?, rest)
}

fn find<'a>(table: &'a mut dyn TableLike, path: &[String]) -> Option<&'a mut dyn TableLike> {
    let Some((first, rest)) = path.split_first() else { return Some(table) };
    find(table.get_mut(first)?.as_table_like_mut()?, rest)
}

fn set(table: &mut dyn TableLike, key: &str, value: &Value) {
    match value {
        Value::Tables(tables) => {
            let mut array = ArrayOfTables::new();
            for fields in tables {
                array.push(plain(fields));
            }
            let same = table.get(key).and_then(Item::as_array_of_tables).is_some_and(|old| alike(old, &array));
            if !same {
                // In the place of the first of those that were there.
                let (position, decor) = table
                    .get(key)
                    .and_then(Item::as_array_of_tables)
                    .and_then(|old| old.get(0))
                    .map_or((None, None), |first| (first.position(), Some(first.decor().clone())));
                if let Some(first) = array.get_mut(0) {
                    first.set_position(position);
                    if let Some(decor) = decor {
                        *first.decor_mut() = decor;
                    }
                }
                table.insert(key, Item::ArrayOfTables(array));
            }
        }
        Value::Table(fields) => {
            table.insert(key, Item::Table(plain(fields)));
        }
        simple => {
            let Some(new) = scalar(simple) else { return };
            match table.get_mut(key) {
                Some(Item::Value(old)) => {
                    if old.clone().decorated("", "").to_string() != new.to_string() {
                        let decor = old.decor().clone();
                        *old = new;
                        *old.decor_mut() = decor;
                    }
                }
                _ => {
                    table.insert(key, Item::Value(new));
                }
            }
        }
    }
}

/// True if both have the same fields.
fn alike(old: &ArrayOfTables, new: &ArrayOfTables) -> bool {
    let texts = |tables: &ArrayOfTables| -> Vec<Vec<(String, String)>> {
        let value = |item: &Item| item.as_value().map(|value| value.clone().decorated("", "").to_string());
        tables
            .iter()
            .map(|table| table.iter().map(|(key, item)| (key.to_owned(), value(item).unwrap_or_default())).collect())
            .collect()
    };
    texts(old) == texts(new)
}

fn plain(fields: &[(String, Value)]) -> Table {
    let mut table = Table::new();
    for (name, value) in fields {
        if let Some(value) = scalar(value) {
            table.insert(name, Item::Value(value));
        }
    }
    table
}

fn scalar(value: &Value) -> Option<toml_edit::Value> {
    Some(match value {
        Value::Text(text) => text.as_str().into(),
        Value::Flag(flag) => (*flag).into(),
        Value::List(texts) => toml_edit::Value::Array(texts.iter().map(String::as_str).collect::<Array>()),
        Value::Table(fields) => {
            let fields = fields.iter().filter_map(|(name, value)| Some((name.as_str(), scalar(value)?)));
            toml_edit::Value::InlineTable(fields.collect::<InlineTable>())
        }
        Value::Tables(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set_text(text: &str, path: &[&str], value: &str) -> String {
        change(text, &Change::set(path.iter().copied(), Value::text(value))).unwrap()
    }

    #[test]
    fn a_value_is_set_and_what_is_around_it_stays() {
        let text = "# mine\n[build]   # here\njobs = 2\n\n[source.crates-io]\nreplace-with = 'other' # why\n";
        let edited = set_text(text, &["source", "crates-io", "replace-with"], "weir");
        assert_eq!(edited, text.replace("'other'", "\"weir\""));
        let edited = set_text(&edited, &["source", "weir", "registry"], "sparse+http://w/");
        assert!(
            edited.ends_with("replace-with = \"weir\" # why\n\n[source.weir]\nregistry = \"sparse+http://w/\"\n"),
            "{edited}"
        );
        assert_eq!(set_text(&edited, &["source", "weir", "registry"], "sparse+http://w/"), edited);
    }

    #[test]
    fn tables_take_the_place_of_those_that_were_there() {
        let index = vec![
            (String::from("name"), Value::text("weir")),
            (String::from("url"), Value::text("http://w/")),
            (String::from("default"), Value::Flag(true)),
        ];
        let set = Change::set(["index"], Value::Tables(vec![index]));
        let text = "offline = false\n\n# ours\n[[index]]\nurl = \"https://a\"\n\n[[index]]\nurl = \"https://b\"\n\n[pip]\nstrict = true\n";
        let edited = change(text, &set).unwrap();
        assert_eq!(
            edited,
            "offline = false\n\n# ours\n[[index]]\nname = \"weir\"\nurl = \"http://w/\"\ndefault = true\n\n[pip]\nstrict = true\n"
        );
        assert_eq!(change(&edited, &set).unwrap(), edited);
        assert_eq!(change("", &set).unwrap(), "[[index]]\nname = \"weir\"\nurl = \"http://w/\"\ndefault = true\n");
    }

    #[test]
    fn a_broken_file_is_refused() {
        assert!(matches!(change("a = [", &Change::remove(["a"])), Err(Unreadable::Malformed { format: "TOML", .. })));
    }
}
