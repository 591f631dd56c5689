//! A block of lines between two marks, and files that are Weir's alone.

use weir_core::client::{Change, Value};

use crate::edit::{Unreadable, push_line};

const BEGIN: &str = "# >>> weir use >>>";
const END: &str = "# <<< weir use <<<";
/// What the first line of a file of Weir's own has in it.
const OWN: &str = "Written by `weir use`";

pub(crate) fn change(text: &str, change: &Change) -> String {
    let (before, rest) = match text.find(BEGIN) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let after = rest.find(END).map_or("", |at| rest[at + END.len()..].trim_start_matches('\n'));
    match change {
        Change::Set(_, Value::Text(block)) => {
            let mut out = before.to_owned();
            if rest.is_empty() && !out.is_empty() && !out.ends_with("\n\n") {
                push_line(&mut out, "");
            }
            out.push_str(&format!("{BEGIN}\n{}\n{END}\n{after}", block.trim_end()));
            out
        }
        Change::Set(..) => text.to_owned(),
        Change::Remove(_) | Change::RemoveWith(..) => format!("{before}{after}"),
    }
}

pub(crate) fn whole(text: &str, change: &Change) -> Result<String, Unreadable> {
    if !text.trim().is_empty() && !text.lines().next().is_some_and(|line| line.contains(OWN)) {
        return Err(Unreadable::Foreign);
    }
    Ok(match change {
        Change::Set(_, Value::Text(all)) => all.clone(),
        Change::Set(..) => text.to_owned(),
        Change::Remove(_) | Change::RemoveWith(..) => String::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none() -> Vec<String> {
        Vec::new()
    }

    #[test]
    fn a_block_is_added_replaced_and_removed() {
        let once = change("x <- 1", &Change::Set(none(), Value::text("a")));
        assert_eq!(once, "x <- 1\n\n# >>> weir use >>>\na\n# <<< weir use <<<\n");
        let twice = change(&format!("{once}y <- 2\n"), &Change::Set(none(), Value::text("b")));
        assert_eq!(twice, "x <- 1\n\n# >>> weir use >>>\nb\n# <<< weir use <<<\ny <- 2\n");
        assert_eq!(change(&twice, &Change::Set(none(), Value::text("b"))), twice);
        assert_eq!(change(&twice, &Change::Remove(none())), "x <- 1\n\ny <- 2\n");
    }

    #[test]
    fn a_strangers_file_is_not_written_over() {
        let set = Change::Set(none(), Value::text("// Written by `weir use`\nb\n"));
        let own = whole("", &set).unwrap();
        assert_eq!(whole(&own, &set).unwrap(), own);
        assert_eq!(whole("allprojects {}\n", &set), Err(Unreadable::Foreign));
    }
}
