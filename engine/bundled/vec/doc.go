// Package vec holds rows as columns: the one shape in which data passes between the parts of the bundled engine.
//
// A [Batch] is a few thousand rows; each column is a [Vector] of one physical [Kind] with a null bitmap. What a column means
// (an INT, a DATE, a DECIMAL(10, 2)) is told by the plan, not by the batch: the table below says how each type is held.
// No row is an object of its own, and nothing here is an interface: a batch that is used again costs no allocation.
//
//	BOOLEAN                               Bool
//	TINYINT SMALLINT INT BIGINT           Int64
//	FLOAT DOUBLE                          Float64; a FLOAT is rounded to single precision by whoever computes it
//	DECIMAL(p, s)                         Decimal: the unscaled value, scale s
//	CHAR VARCHAR                          Bytes, UTF-8
//	BINARY VARBINARY                      Bytes
//	DATE                                  Int64, days since 1970-01-01
//	TIME                                  Int64, milliseconds since midnight
//	TIMESTAMP(p), TIMESTAMP_LTZ(p)        Int64 since the epoch: milliseconds (p ≤ 3), microseconds (p ≤ 6), nanoseconds (p ≤ 9)
//	INTERVAL YEAR TO MONTH                Int64, months
//	INTERVAL DAY TO SECOND                Int64, milliseconds
//
// One goroutine owns a batch; whoever is given one may keep it until it hands it on.
package vec
