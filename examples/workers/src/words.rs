//! Counting words as they come, in pieces of any size.

use std::collections::BTreeMap;
use std::fmt;

/// How many different words there may be.
const WORDS_MAX: usize = 100_000;

/// How long a word may be, in bytes.
const WORD_MAX: usize = 256;

/// Why a text cannot be counted, however often it is tried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CountError {
    #[error("it has more than {WORDS_MAX} different words")]
    TooManyWords,
    #[error("it has a word of more than {WORD_MAX} bytes")]
    WordTooLong,
}

/// How often each word is there, in the order of the alphabet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts(BTreeMap<String, u64>);

impl Counts {
    /// One word in a line.
    pub(crate) fn to_lines(&self) -> String {
        let line = |(word, count)| format!("{word} {count}\n");
        self.0.iter().map(line).collect()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (word, count)) in self.0.iter().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            write!(f, "{comma}{word} {count}")?;
        }
        Ok(())
    }
}

/// Counts a text whose words have commas or blanks between them.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    counts: Counts,
    /// The word that may go on in the next piece.
    word: Vec<u8>,
}

impl Counter {
    pub(crate) fn read(&mut self, piece: &[u8]) -> Result<(), CountError> {
        for &byte in piece {
            if byte == b',' || byte.is_ascii_whitespace() {
                self.end_word()?;
            } else if self.word.len() < WORD_MAX {
                self.word.push(byte);
            } else {
                return Err(CountError::WordTooLong);
            }
        }
        Ok(())
    }

    pub(crate) fn end(mut self) -> Result<Counts, CountError> {
        self.end_word()?;
        Ok(self.counts)
    }

    fn end_word(&mut self) -> Result<(), CountError> {
        if self.word.is_empty() {
            return Ok(());
        }
        let word = String::from_utf8_lossy(&self.word).into_owned();
        self.word.clear();
        *self.counts.0.entry(word).or_default() += 1;
        if self.counts.0.len() > WORDS_MAX {
            return Err(CountError::TooManyWords);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(pieces: &[&str]) -> Result<Counts, CountError> {
        let mut counter = Counter::default();
        for piece in pieces {
            counter.read(piece.as_bytes())?;
        }
        counter.end()
    }

    #[test]
    fn words_are_counted_wherever_the_text_is_cut() {
        let text = "get,my,data,my,get,get,have";
        for cut in 0..=text.len() {
            let (one, two) = text.split_at(cut);
            let counts = count(&[one, two]).unwrap();
            assert_eq!(counts.to_string(), "data 1, get 3, have 1, my 2");
        }
        let lines = count(&[text]).unwrap().to_lines();
        assert_eq!(lines, "data 1\nget 3\nhave 1\nmy 2\n");
        assert_eq!(count(&[" ,, \n"]).unwrap().to_lines(), "");
    }

    #[test]
    fn memory_is_bounded() {
        let long = "w".repeat(WORD_MAX);
        assert!(count(&[&long]).is_ok());
        assert_eq!(count(&[&long, "w"]), Err(CountError::WordTooLong));
        let many: Vec<_> = (0..=WORDS_MAX).map(|word| format!("{word},")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert!(count(&many[1..]).is_ok());
        assert_eq!(count(&many), Err(CountError::TooManyWords));
    }
}
