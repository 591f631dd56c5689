//! R's own serialisation, as far as lists of tables need it: `Meta/archive.rds`, `Meta/current.rds`.
//!
//! Specification: "R Internals", 1.8 "Serialization Formats"; `?saveRDS`. Big-endian (XDR), versions 2 and 3. Only plain data
//! is read: vectors, lists, attributes, symbols. Functions, environments, promises, byte code and outside pointers are
//! refused by their type, so that nothing that R would run or look up is ever interpreted.
//!
//! Everything is bounded before it is reserved: a vector never has more elements than the bytes that are left could hold.

/// Deepest nesting that is read. A list of tables with factors has five levels.
pub const MAX_DEPTH: usize = 32;
/// Most values of a document. The archive of CRAN has about a million.
pub const MAX_VALUES: usize = 8_000_000;
/// Most symbols of a document.
pub const MAX_SYMBOLS: usize = 10_000;

/// A value that was read. Numbers are kept as they stand: most columns are never looked at.
#[derive(Clone, PartialEq, Debug)]
pub enum Value<'a> {
    /// `NULL`.
    Null,
    /// Texts; `NA` is `None`.
    Texts(Vec<Option<&'a [u8]>>),
    /// Numbers of eight bytes, big-endian.
    Reals(&'a [u8]),
    /// Integers and logicals, four bytes each, big-endian.
    Integers(&'a [u8]),
    /// A list, with its names if it has any.
    List(Vec<Self>, Vec<Option<&'a [u8]>>),
    /// A table: its columns with their names, and the names of its rows.
    Table(Vec<(&'a [u8], Self)>, Vec<&'a [u8]>),
}

impl Value<'_> {
    /// The number at a place, if this holds numbers and it is one.
    pub fn number(&self, at: usize) -> Option<f64> {
        match self {
            Self::Reals(bytes) => {
                let number = f64::from_be_bytes(bytes.get(at * 8..at * 8 + 8)?.try_into().ok()?);
                number.is_finite().then_some(number)
            }
            Self::Integers(bytes) => {
                let number = i32::from_be_bytes(bytes.get(at * 4..at * 4 + 4)?.try_into().ok()?);
                (number != i32::MIN).then_some(f64::from(number))
            }
            _ => None,
        }
    }
}

/// Bytes that are no such serialisation, or hold more than plain data.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{problem}, at byte {at}")]
pub struct InvalidRds {
    /// Where, in the unpacked document.
    pub at: usize,
    /// What is wrong.
    pub problem: String,
}

/// Reads an unpacked document.
pub fn read(bytes: &[u8]) -> Result<Value<'_>, InvalidRds> {
    let mut reader = Reader { bytes, at: 0, symbols: Vec::new(), values: 0 };
    if reader.take(2)? != b"X\n" {
        return Err(reader.error("it is not R's binary serialisation in XDR"));
    }
    let version = reader.int()?;
    reader.take(8)?; // the versions of R that wrote it, and that can read it
    match version {
        2 => {}
        3 => {
            let length = reader.length()?;
            reader.take(length)?; // the native encoding: names of files are ASCII in all
        }
        other => return Err(reader.error(&format!("its format version is {other}; 2 and 3 are known"))),
    }
    let value = reader.item(0)?.value;
    match reader.bytes.len() == reader.at {
        true => Ok(value),
        false => Err(reader.error("more bytes follow its value")),
    }
}

mod kind {
    pub const SYMBOL: u32 = 1;
    pub const PAIRS: u32 = 2;
    pub const CHARACTERS: u32 = 9;
    pub const LOGICALS: u32 = 10;
    pub const INTEGERS: u32 = 13;
    pub const REALS: u32 = 14;
    pub const TEXTS: u32 = 16;
    pub const LIST: u32 = 19;
    pub const COMPACT: u32 = 238;
    pub const NULL: u32 = 254;
    pub const REFERENCE: u32 = 255;
}

const HAS_ATTRIBUTES: u32 = 1 << 9;
const HAS_TAG: u32 = 1 << 10;

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    symbols: Vec<&'a [u8]>,
    values: usize,
}

/// A value, and the symbol that it is if it is one.
struct Item<'a> {
    value: Value<'a>,
    symbol: Option<&'a [u8]>,
}

type Attributes<'a> = Vec<(&'a [u8], Value<'a>)>;

impl<'a> Reader<'a> {
    fn error(&self, problem: &str) -> InvalidRds {
        InvalidRds { at: self.at, problem: problem.to_owned() }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], InvalidRds> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let taken = end.and_then(|end| self.bytes.get(self.at..end)).ok_or_else(|| self.error("it ends too early"))?;
        self.at += count;
        Ok(taken)
    }

    fn int(&mut self) -> Result<i32, InvalidRds> {
        let bytes = self.take(4)?;
        bytes.try_into().map(i32::from_be_bytes).map_err(|_| self.error("it ends too early"))
    }

    fn flags(&mut self) -> Result<u32, InvalidRds> {
        self.int().map(i32::cast_unsigned)
    }

    /// A number of elements, of which each has at least one byte.
    fn length(&mut self) -> Result<usize, InvalidRds> {
        let length = self.int()?;
        let left = self.bytes.len().saturating_sub(self.at);
        usize::try_from(length)
            .ok()
            .filter(|length| *length <= left)
            .ok_or_else(|| self.error(&format!("a length of {length} is more than there is")))
    }

    fn numbers(&mut self, size: usize) -> Result<&'a [u8], InvalidRds> {
        let bytes = self.length()?.saturating_mul(size);
        self.take(bytes)
    }

    fn item(&mut self, depth: usize) -> Result<Item<'a>, InvalidRds> {
        let flags = self.flags()?;
        self.flagged(flags, depth)
    }

    fn flagged(&mut self, flags: u32, depth: usize) -> Result<Item<'a>, InvalidRds> {
        if depth > MAX_DEPTH {
            return Err(self.error(&format!("it is nested deeper than {MAX_DEPTH} levels")));
        }
        self.count()?;
        let value = match flags & 0xff {
            kind::NULL => return Ok(Item { value: Value::Null, symbol: None }),
            kind::SYMBOL => {
                let name = self.characters()?.ok_or_else(|| self.error("a symbol has no name"))?;
                if self.symbols.len() == MAX_SYMBOLS {
                    return Err(self.error(&format!("it has more than {MAX_SYMBOLS} symbols")));
                }
                self.symbols.push(name);
                return Ok(Item { value: Value::Null, symbol: Some(name) });
            }
            kind::REFERENCE => {
                let index = if flags >> 8 == 0 { self.flags()? } else { flags >> 8 };
                let index = usize::try_from(index).ok().and_then(|index| index.checked_sub(1));
                let symbol = index.and_then(|index| self.symbols.get(index).copied());
                let symbol = symbol.ok_or_else(|| self.error("it refers to a symbol that is not there"))?;
                return Ok(Item { value: Value::Null, symbol: Some(symbol) });
            }
            kind::PAIRS => {
                let pairs = self.pairs(flags, depth)?;
                return Ok(Item {
                    value: Value::List(pairs.into_iter().map(|(_, it)| it).collect(), Vec::new()),
                    symbol: None,
                });
            }
            kind::COMPACT => return self.compact(depth),
            kind::LOGICALS | kind::INTEGERS => Value::Integers(self.numbers(4)?),
            kind::REALS => Value::Reals(self.numbers(8)?),
            kind::TEXTS => Value::Texts(self.texts()?),
            kind::LIST => {
                let length = self.length()?;
                let items = (0..length).map(|_| Ok(self.item(depth + 1)?.value)).collect::<Result<_, _>>()?;
                Value::List(items, Vec::new())
            }
            other => return Err(self.error(&format!("it holds a value of type {other}, which is not plain data"))),
        };
        let attributes = if flags & HAS_ATTRIBUTES == 0 { Vec::new() } else { self.attributes(depth)? };
        Ok(Item { value: with_attributes(value, attributes), symbol: None })
    }

    fn count(&mut self) -> Result<(), InvalidRds> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(self.error(&format!("it has more than {MAX_VALUES} values")));
        }
        Ok(())
    }

    fn texts(&mut self) -> Result<Vec<Option<&'a [u8]>>, InvalidRds> {
        let length = self.length()?;
        // Each text has at least its flags and its length.
        let mut texts = Vec::with_capacity(length.min(self.bytes.len().saturating_sub(self.at) / 8));
        for _ in 0..length {
            texts.push(self.characters()?);
        }
        Ok(texts)
    }

    /// A text by itself, with its flags; `None` for `NA`.
    fn characters(&mut self) -> Result<Option<&'a [u8]>, InvalidRds> {
        self.count()?;
        if self.flags()? & 0xff != kind::CHARACTERS {
            return Err(self.error("a text is expected, and it is something else"));
        }
        match self.int()? {
            -1 => Ok(None),
            length => {
                let length = usize::try_from(length).map_err(|_| self.error("a text has a negative length"))?;
                self.take(length).map(Some)
            }
        }
    }

    /// The list of attributes that follows a value.
    fn attributes(&mut self, depth: usize) -> Result<Attributes<'a>, InvalidRds> {
        let flags = self.flags()?;
        match flags & 0xff {
            kind::PAIRS => self.pairs(flags, depth),
            kind::NULL => Ok(Vec::new()),
            _ => Err(self.error("attributes are expected, and it is something else")),
        }
    }

    /// A chain of tagged values, read without recursion along the chain.
    fn pairs(&mut self, mut flags: u32, depth: usize) -> Result<Attributes<'a>, InvalidRds> {
        let mut pairs = Vec::new();
        loop {
            self.count()?;
            match flags & 0xff {
                kind::PAIRS => {
                    if flags & HAS_ATTRIBUTES != 0 {
                        self.attributes(depth + 1)?;
                    }
                    let tag = if flags & HAS_TAG == 0 { None } else { self.item(depth + 1)?.symbol };
                    let item = self.item(depth + 1)?;
                    let value = match item.symbol {
                        Some(symbol) => Value::Texts(vec![Some(symbol)]),
                        None => item.value,
                    };
                    pairs.push((tag.unwrap_or_default(), value));
                    flags = self.flags()?;
                }
                kind::NULL => return Ok(pairs),
                _ => return Err(self.error("a chain of values ends in something else than NULL")),
            }
        }
    }

    /// A vector that R wrote as what it is made from. A wrapped one is what it wraps; a sequence of row numbers names
    /// nothing, and others do not stand in such tables.
    fn compact(&mut self, depth: usize) -> Result<Item<'a>, InvalidRds> {
        let info = self.item(depth + 1)?.value;
        let state = self.item(depth + 1)?.value;
        let attributes = match self.item(depth + 1)?.value {
            // Untagged values name no attribute that counts here.
            Value::List(..) | Value::Null => Vec::new(),
            _ => return Err(self.error("attributes are expected, and it is something else")),
        };
        let class = match &info {
            Value::List(items, _) => match items.first() {
                Some(Value::Texts(texts)) => texts.first().copied().flatten().unwrap_or_default(),
                _ => b"",
            },
            _ => b"",
        };
        let value = match (class, state) {
            (b"compact_intseq" | b"compact_realseq", _) => Value::Null,
            (class, Value::List(items, _)) if class.starts_with(b"wrap_") => {
                items.into_iter().next().unwrap_or(Value::Null)
            }
            _ => return Err(self.error("it holds a compact vector of a kind that is not read")),
        };
        Ok(Item { value: with_attributes(value, attributes), symbol: None })
    }
}

/// A list becomes a table if it says that it is one; names are kept, all other attributes say nothing here.
fn with_attributes<'a>(value: Value<'a>, attributes: Attributes<'a>) -> Value<'a> {
    let Value::List(items, _) = value else { return value };
    let (mut names, mut rows, mut is_table) = (Vec::new(), Vec::new(), false);
    for (tag, value) in attributes {
        match (tag, value) {
            (b"names", Value::Texts(texts)) => names = texts,
            (b"row.names", Value::Texts(texts)) => rows = texts.into_iter().map(Option::unwrap_or_default).collect(),
            (b"class", Value::Texts(classes)) => is_table = classes.contains(&Some(b"data.frame".as_slice())),
            _ => {}
        }
    }
    match is_table && names.len() == items.len() {
        true => Value::Table(names.into_iter().map(Option::unwrap_or_default).zip(items).collect(), rows),
        false => Value::List(items, names),
    }
}
