//! Tables of a report folder: what their columns are, and how they are written as Parquet and as CSV. docs/data.md
//! describes every column, and a test holds it to that.
//!
//! Columns are flat and may all be empty. Lists stand in one text, separated by spaces.

pub mod servers;
pub mod visits;

use std::{io::Write, sync::Arc};

use jiff::Timestamp;
use parquet::{
    basic::{Compression, ZstdLevel},
    data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type},
    errors::ParquetError,
    file::{properties::WriterProperties, writer::SerializedColumnWriter, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};

/// Rows that are kept in memory before they are written: some 30 MB of visits.
const GROUP: usize = 50_000;

/// A column of a table whose rows are read from `R`.
pub struct Column<R> {
    /// Its name, in lower case.
    pub name: &'static str,
    /// How a row's value is read.
    pub value: Value<R>,
}

impl<R> std::fmt::Debug for Column<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.name, self.value.form())
    }
}

/// How a value is read, and of which form it is.
#[expect(missing_docs, reason = "they say it")]
pub enum Value<R> {
    Text(fn(&R) -> Option<String>),
    Whole(fn(&R) -> Option<i64>),
    Number(fn(&R) -> Option<f64>),
    Flag(fn(&R) -> Option<bool>),
    Time(fn(&R) -> Option<Timestamp>),
}

impl<R> Value<R> {
    /// What docs/data.md calls the form.
    #[must_use]
    pub fn form(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Whole(_) => "whole number",
            Self::Number(_) => "number",
            Self::Flag(_) => "true or false",
            Self::Time(_) => "time",
        }
    }

    /// The form in a schema of Parquet; the name comes between its parts.
    fn physical(&self) -> (&'static str, &'static str) {
        match self {
            Self::Text(_) => ("binary", "(STRING)"),
            Self::Whole(_) => ("int64", ""),
            Self::Number(_) => ("double", ""),
            Self::Flag(_) => ("boolean", ""),
            Self::Time(_) => ("int64", "(TIMESTAMP(MICROS,true))"),
        }
    }

    /// A row's value as CSV has it.
    fn text(&self, row: &R) -> String {
        match self {
            Self::Text(read) => read(row).map(inert),
            Self::Whole(read) => read(row).map(|value| value.to_string()),
            Self::Number(read) => read(row).map(|value| value.to_string()),
            Self::Flag(read) => read(row).map(|value| value.to_string()),
            Self::Time(read) => read(row).map(|value| value.to_string()),
        }
        .unwrap_or_default()
    }

    fn write(&self, rows: &[R], column: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        match self {
            Self::Text(read) => {
                put::<ByteArrayType, _>(column, rows, |row| Some(ByteArray::from(read(row)?.into_bytes())))
            }
            Self::Whole(read) => put::<Int64Type, _>(column, rows, read),
            Self::Number(read) => put::<DoubleType, _>(column, rows, read),
            Self::Flag(read) => put::<BoolType, _>(column, rows, read),
            Self::Time(read) => {
                put::<Int64Type, _>(column, rows, |row| read(row).map(Timestamp::as_microsecond))
            }
        }
    }
}

/// Writes what is there of a column; where nothing is, the level says so.
fn put<T: DataType, R>(
    column: &mut SerializedColumnWriter<'_>,
    rows: &[R],
    read: impl Fn(&R) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let (mut values, mut levels) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    for row in rows {
        let value = read(row);
        levels.push(i16::from(value.is_some()));
        values.extend(value);
    }
    column.typed::<T>().write_batch(&values, Some(&levels), None).map(|_| ())
}

/// Writes a table as Parquet, some rows at a time.
pub struct Parquet<'c, W: Write + Send, R> {
    columns: &'c [Column<R>],
    file: SerializedFileWriter<W>,
    rows: Vec<R>,
}

impl<'c, W: Write + Send, R> Parquet<'c, W, R> {
    /// Begins a file.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn begin(columns: &'c [Column<R>], file: W) -> Result<Self, ParquetError> {
        let fields = columns.iter().map(|Column { name, value }| {
            let (physical, logical) = value.physical();
            format!("optional {physical} {name} {logical};")
        });
        let schema = format!("message table {{ {} }}", fields.collect::<String>());
        let zstd = Compression::ZSTD(ZstdLevel::default());
        let properties = WriterProperties::builder()
            .set_compression(zstd)
            .set_created_by("electrum-observatory".to_owned());
        let file = SerializedFileWriter::new(
            file,
            Arc::new(parse_message_type(&schema)?),
            Arc::new(properties.build()),
        )?;
        Ok(Self { columns, file, rows: Vec::new() })
    }

    /// Adds a row.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn push(&mut self, row: R) -> Result<(), ParquetError> {
        self.rows.push(row);
        if self.rows.len() < GROUP { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), ParquetError> {
        let mut group = self.file.next_row_group()?;
        for column in self.columns {
            if let Some(mut writer) = group.next_column()? {
                column.value.write(&self.rows, &mut writer)?;
                writer.close()?;
            }
        }
        group.close()?;
        self.rows.clear();
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn finish(mut self) -> Result<W, ParquetError> {
        if !self.rows.is_empty() {
            self.flush()?;
        }
        self.file.into_inner()
    }
}

/// A table as Parquet, all at once.
///
/// # Errors
/// None in practice.
pub fn parquet<R>(columns: &[Column<R>], rows: impl IntoIterator<Item = R>) -> Result<Vec<u8>, ParquetError> {
    let mut table = Parquet::begin(columns, Vec::new())?;
    for row in rows {
        table.push(row)?;
    }
    table.finish()
}

/// A text that no spreadsheet takes for a formula, whoever wrote it.
fn inert(text: String) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text }
}

/// A table as CSV.
///
/// # Errors
/// None in practice.
pub fn csv<R>(columns: &[Column<R>], rows: &[R]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(columns.iter().map(|column| column.name))?;
    for row in rows {
        writer.write_record(columns.iter().map(|column| column.value.text(row)))?;
    }
    writer.into_inner().map_err(|e| csv::Error::from(std::io::Error::other(e.to_string())))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use parquet::{
        file::reader::{FileReader as _, SerializedFileReader},
        record::RowAccessor as _,
    };
    use proptest::prelude::*;

    use super::*;

    /// A row of a table with a column of each form.
    type Row = (Option<String>, Option<i64>, Option<f64>, Option<bool>, Option<i64>);

    const COLUMNS: [Column<Row>; 5] = [
        Column { name: "text", value: Value::Text(|row| row.0.clone()) },
        Column { name: "whole", value: Value::Whole(|row| row.1) },
        Column { name: "number", value: Value::Number(|row| row.2) },
        Column { name: "flag", value: Value::Flag(|row| row.3) },
        Column { name: "time", value: Value::Time(|row| Timestamp::from_microsecond(row.4?).ok()) },
    ];

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            rows in proptest::collection::vec(
                any::<(Option<String>, Option<i64>, Option<f64>, Option<bool>, Option<i32>)>(), 0..40),
        ) {
            let rows: Vec<Row> = rows.into_iter().map(|row| (row.0, row.1, row.2, row.3, row.4.map(i64::from))).collect();
            let file = parquet(&COLUMNS, rows.clone()).expect("writes");
            let reader = SerializedFileReader::new(Bytes::from(file)).expect("Parquet");
            let read: Vec<_> = reader.get_row_iter(None).expect("rows").map(|row| row.expect("a row")).collect();
            prop_assert_eq!(read.len(), rows.len());
            for (read, row) in read.iter().zip(&rows) {
                prop_assert_eq!(read.get_string(0).ok(), row.0.as_ref());
                prop_assert_eq!(read.get_long(1).ok(), row.1);
                prop_assert_eq!(read.get_double(2).ok().map(f64::to_bits), row.2.map(f64::to_bits));
                prop_assert_eq!(read.get_bool(3).ok(), row.3);
                prop_assert_eq!(read.get_timestamp_micros(4).ok(), row.4);
            }
        }
    }

    #[test]
    fn rows_are_written_before_there_are_too_many() {
        let mut table = Parquet::begin(&COLUMNS, Vec::new()).expect("begins");
        for number in 0..GROUP + 1 {
            table.push((None, i64::try_from(number).ok(), None, None, None)).expect("writes");
        }
        assert_eq!(table.rows.len(), 1);
        let reader = SerializedFileReader::new(Bytes::from(table.finish().expect("ends"))).expect("Parquet");
        assert_eq!(reader.num_row_groups(), 2);
    }

    #[test]
    fn no_text_is_a_formula() {
        let rows = [(Some("=HYPERLINK(\"x\")".to_owned()), Some(-1), None, Some(true), Some(0))];
        let text = String::from_utf8(csv(&COLUMNS, &rows).expect("writes")).expect("text");
        assert_eq!(
            text,
            "text,whole,number,flag,time\n\"'=HYPERLINK(\"\"x\"\")\",-1,,true,1970-01-01T00:00:00Z\n"
        );
    }

    #[test]
    fn every_column_is_documented_and_no_other() {
        let page = include_str!("../../docs/data.md");
        let of = |heading: &str| {
            let section =
                page.split_once(heading).expect("a section").1.split("\n#").next().unwrap_or_default();
            let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
            let column = |row: &str| {
                let (name, rest) = row.split_once("` | ")?;
                Some(format!("{name}: {}", rest.split_once(" |")?.0))
            };
            rows.filter_map(column).collect::<Vec<_>>()
        };
        let servers: Vec<String> = servers::Row::COLUMNS.iter().map(|column| format!("{column:?}")).collect();
        assert_eq!(of("\n### `servers.csv`"), servers);
        let visits: Vec<String> = visits::COLUMNS.iter().map(|column| format!("{column:?}")).collect();
        assert_eq!(of("\n### `visits.parquet`"), visits);
    }
}
