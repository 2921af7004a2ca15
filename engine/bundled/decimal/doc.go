// Package decimal computes with exact decimals as Flink's DECIMAL does: up to 38 digits, held as a 128-bit integer whose scale the type
// tells. A number costs no heap and an addition two machine instructions.
//
// What precision and scale a result has is for package statements; this package computes the value for the scale it is told and says
// when it does not fit.
package decimal

// Int128 is a signed 128-bit integer in two's complement: Hi·2^64 + Lo.
type Int128 struct {
	Hi int64
	Lo uint64
}

// MaxDigits is the largest precision of a DECIMAL.
const MaxDigits = 38
