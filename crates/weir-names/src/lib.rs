//! Which well-known package a name could be mistaken for. No I/O.
//!
//! [`Lists`] holds lists of names, one an ecosystem, most used first. [`Names::lookalike`] finds the well-known name that
//! another is one slip away from: an edit, two letters swapped, characters that look alike, words in another order, a scope
//! flattened, `python-` put before it. Whether that means anything is for policy to say.
//!
//! | Module | Answers |
//! |---|---|
//! | [`list`] | what is in a file of names? |
//! | `spelling` | what makes two names look alike? |
//! | `index` | which names look like this one, in a microsecond? |

mod index;
pub mod list;
mod spelling;

pub use index::{MOST_USED, Names};
pub use list::{Lists, MAX_NAMES};
