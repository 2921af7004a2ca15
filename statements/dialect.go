package statements

import "time"

// Dialect is the SQL that statements are written in: Confluent Cloud's of a month, or Apache Flink's. The zero value is
// the newest of Confluent Cloud. Parse reads all of them alike; [Refused] says what one of them does not take, and the
// methods say what holds where a statement or table leaves something open.
type Dialect string

// The dialects, in the words of lifeboat.yaml.
const (
	CCloud2026 Dialect = "ccloud-2026-10" // Confluent Cloud, documentation of October 2026
	CCloud2025 Dialect = "ccloud-2025-09" // Confluent Cloud, documentation of September 2025
	Flink2     Dialect = "flink-2.x"      // Apache Flink 2.0 to 2.3 with the Kafka connector
)

// Dialects returns all of them, the default first.
func Dialects() []Dialect { return []Dialect{CCloud2026, CCloud2025, Flink2} }

// Name is the dialect's name in lifeboat.yaml, also that of the zero value.
func (d Dialect) Name() string {
	if d == "" {
		return string(CCloud2026)
	}
	return string(d)
}

// String names the dialect as its makers do.
func (d Dialect) String() string {
	switch d {
	case CCloud2025:
		return "Confluent Cloud (September 2025)"
	case Flink2:
		return "Apache Flink 2.x"
	default:
		return "Confluent Cloud"
	}
}

// MostDelay is the most that the watermark of a table stays behind its newest row where the table declares none, and why.
// Confluent Cloud's is SOURCE_WATERMARK() on $rowtime: since 2026 a fixed tolerance; before, the 95th percentile of the
// disorder of the last 5,000 rows of a partition, between 50 ms and 7 days, and 7 days for its first 250 rows. Apache
// Flink has no watermark then, and so nothing that waits for one.
func (d Dialect) MostDelay() (delay time.Duration, why string) {
	switch d {
	case CCloud2025:
		return 7 * 24 * time.Hour, "default watermark, which adapts to at most 7 days"
	case Flink2:
		return 0, "no watermark"
	default:
		return DefaultDelay, "default watermark"
	}
}

// InDialect is a catalog whose tables are of a dialect, also those that it does not know, with the models that statements create.
func InDialect(ts Tables, d Dialect, models map[string]*CreateModel) Models {
	return dialectTables{ts, d, models}
}

type dialectTables struct {
	Tables
	dialect Dialect
	models  map[string]*CreateModel
}

func (t dialectTables) Model(name string) (*CreateModel, bool) {
	m, ok := t.models[name]
	return m, ok
}

func (t dialectTables) Table(name string) (*Table, bool) {
	known, ok := t.Tables.Table(name)
	if !ok || known.Dialect != "" || t.dialect == "" {
		return known, ok
	}
	of := *known
	of.Dialect = t.dialect
	return &of, true
}

// dialectOf is the dialect of a catalog's tables.
func dialectOf(cat Catalog) Dialect {
	if t, ok := cat.(dialectTables); ok {
		return t.dialect
	}
	return ""
}

// MaxStatement is the longest statement in bytes that the statements API takes; 0 where there is no limit.
func (d Dialect) MaxStatement() int {
	if d == Flink2 {
		return 0
	}
	return maxStatement
}

// StartsAt is where a table is read from when neither it nor the statement says: the value of scan.startup.mode.
func (d Dialect) StartsAt() string {
	if d == Flink2 {
		return "group-offsets"
	}
	return "earliest-offset"
}
