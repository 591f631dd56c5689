//! MessagePack, as far as repodata needs it (msgpack specification of 2017): all of it but extension types.

/// Deepest nesting of a value.
pub const MAX_DEPTH: usize = 32;

/// A value. Maps keep their order.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    Nil,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
}

impl Value {
    /// The value under a key of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        entries.iter().find(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value)
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Reads one value that is all of `bytes`. `Err` with what is wrong.
pub(crate) fn read(bytes: &[u8]) -> Result<Value, String> {
    let mut reader = Reader { rest: bytes };
    let value = reader.value(0)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(String::from("something follows after its end")) }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(|| String::from("it ends within a value"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn number(&mut self, bytes: usize) -> Result<u64, String> {
        Ok(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn length(&mut self, bytes: usize) -> Result<usize, String> {
        usize::try_from(self.number(bytes)?).map_err(|error| error.to_string())
    }

    fn text(&mut self, length: usize) -> Result<Value, String> {
        let text = std::str::from_utf8(self.take(length)?).map_err(|error| error.to_string())?;
        Ok(Value::Text(text.to_owned()))
    }

    fn list(&mut self, length: usize, depth: usize) -> Result<Value, String> {
        // Each item has a byte at least, so that no length reserves more than there is.
        let mut items = Vec::with_capacity(length.min(self.rest.len()));
        for _ in 0..length {
            items.push(self.value(depth + 1)?);
        }
        Ok(Value::List(items))
    }

    fn map(&mut self, length: usize, depth: usize) -> Result<Value, String> {
        let mut entries = Vec::with_capacity(length.min(self.rest.len() / 2));
        for _ in 0..length {
            entries.push((self.value(depth + 1)?, self.value(depth + 1)?));
        }
        Ok(Value::Map(entries))
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return Err(String::from("it is nested too deep"));
        }
        let kind = self.number(1)?;
        let low = |bits: u64| usize::try_from(kind & bits).unwrap_or_default();
        Ok(match kind {
            0x00..=0x7f => Value::Unsigned(kind),
            0x80..=0x8f => self.map(low(0x0f), depth)?,
            0x90..=0x9f => self.list(low(0x0f), depth)?,
            0xa0..=0xbf => self.text(low(0x1f))?,
            0xc0 => Value::Nil,
            0xc2 | 0xc3 => Value::Bool(kind == 0xc3),
            0xc4..=0xc6 => {
                let length = self.length(1 << (kind - 0xc4))?;
                Value::Bytes(self.take(length)?.to_vec())
            }
            0xca => Value::Float(f64::from(f32::from_bits(u32::try_from(self.number(4)?).unwrap_or_default()))),
            0xcb => Value::Float(f64::from_bits(self.number(8)?)),
            0xcc..=0xcf => Value::Unsigned(self.number(1 << (kind - 0xcc))?),
            0xd0..=0xd3 => {
                let bytes = 1 << (kind - 0xd0);
                let unused = 64 - 8 * bytes;
                // The sign is that of the number's own width.
                Value::Signed((self.number(bytes)? << unused).cast_signed() >> unused)
            }
            0xd9..=0xdb => {
                let length = self.length(1 << (kind - 0xd9))?;
                self.text(length)?
            }
            0xdc | 0xdd => {
                let length = self.length(2 << (kind - 0xdc))?;
                self.list(length, depth)?
            }
            0xde | 0xdf => {
                let length = self.length(2 << (kind - 0xde))?;
                self.map(length, depth)?
            }
            0xe0..=0xff => Value::Signed((kind << 56).cast_signed() >> 56),
            _ => return Err(format!("it has the type {kind:#04x}, which repodata does not have")),
        })
    }
}

/// Writes a value in its shortest form.
pub(crate) fn write(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    put(value, &mut out);
    out
}

fn head(out: &mut Vec<u8>, length: usize, short: Option<(u8, usize)>, kinds: [Option<u8>; 3]) {
    match (short, kinds) {
        (Some((base, limit)), _) if length < limit => out.push(base | length as u8),
        (_, [Some(kind), _, _]) if length <= 0xff => out.extend_from_slice(&[kind, length as u8]),
        (_, [_, Some(kind), _]) if length <= 0xffff => {
            out.push(kind);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        (_, [_, _, kind]) => {
            out.push(kind.unwrap_or(0xc0));
            // No value that was read or is written here is longer than that.
            out.extend_from_slice(&(length as u32).to_be_bytes());
        }
    }
}

fn put(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Nil => out.push(0xc0),
        Value::Bool(bool) => out.push(0xc2 | u8::from(*bool)),
        Value::Unsigned(number) => match *number {
            0..=0x7f => out.push(*number as u8),
            0x80..=0xff => out.extend_from_slice(&[0xcc, *number as u8]),
            0x100..=0xffff => {
                out.push(0xcd);
                out.extend_from_slice(&(*number as u16).to_be_bytes());
            }
            0x1_0000..=0xffff_ffff => {
                out.push(0xce);
                out.extend_from_slice(&(*number as u32).to_be_bytes());
            }
            _ => {
                out.push(0xcf);
                out.extend_from_slice(&number.to_be_bytes());
            }
        },
        Value::Signed(number) if *number >= 0 => put(&Value::Unsigned(number.unsigned_abs()), out),
        Value::Signed(number) if *number >= -32 => out.push((*number as i8).cast_unsigned()),
        Value::Signed(number) => {
            out.push(0xd3);
            out.extend_from_slice(&number.to_be_bytes());
        }
        Value::Float(number) => {
            out.push(0xcb);
            out.extend_from_slice(&number.to_bits().to_be_bytes());
        }
        Value::Text(text) => {
            head(out, text.len(), Some((0xa0, 32)), [Some(0xd9), Some(0xda), Some(0xdb)]);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Bytes(bytes) => {
            head(out, bytes.len(), None, [Some(0xc4), Some(0xc5), Some(0xc6)]);
            out.extend_from_slice(bytes);
        }
        Value::List(items) => {
            head(out, items.len(), Some((0x90, 16)), [None, Some(0xdc), Some(0xdd)]);
            items.iter().for_each(|item| put(item, out));
        }
        Value::Map(entries) => {
            head(out, entries.len(), Some((0x80, 16)), [None, Some(0xde), Some(0xdf)]);
            for (key, value) in entries {
                put(key, out);
                put(value, out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Nil),
            any::<bool>().prop_map(Value::Bool),
            any::<u64>().prop_map(Value::Unsigned),
            (i64::MIN..0).prop_map(Value::Signed),
            (-40i64..0).prop_map(Value::Signed),
            ".{0,300}".prop_map(Value::Text),
            prop::collection::vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
        ];
        leaf.prop_recursive(3, 64, 20, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..20).prop_map(Value::List),
                prop::collection::vec((inner.clone(), inner), 0..20).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in values()) {
            prop_assert_eq!(read(&write(&value)), Ok(value));
        }

        #[test]
        fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(read(&bytes));
        }
    }

    #[test]
    fn nesting_is_bounded() {
        let nested = |depth: usize| [vec![0x91; depth], vec![0xc0]].concat();
        assert!(read(&nested(MAX_DEPTH)).is_ok());
        assert!(read(&nested(MAX_DEPTH + 1)).is_err());
    }
}
