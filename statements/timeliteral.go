package statements

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// parseTimeLiteral reads the text of a DATE, TIME or TIMESTAMP literal: an Instant, of which a DATE is the day's begin and a
// TIME counts from midnight.
func parseTimeLiteral(kind LiteralKind, text string) (Instant, error) {
	date, clock := text, ""
	switch kind {
	case TimeLiteral:
		date, clock = "1970-01-01", text
	case TimestampLiteral:
		var ok bool
		if date, clock, ok = strings.Cut(text, " "); !ok {
			return Instant{}, errors.New("a blank and the time of day are missing")
		}
	}
	day, err := time.Parse("2006-01-02", date)
	if err != nil {
		return Instant{}, fmt.Errorf("%q is no date yyyy-MM-dd", clip(date))
	}
	if kind == DateLiteral {
		return Instant{Millis: day.UnixMilli()}, nil
	}
	clock, fraction, dot := strings.Cut(clock, ".")
	if dot && (fraction == "" || len(fraction) > maxFraction || strings.Trim(fraction, "0123456789") != "") {
		return Instant{}, fmt.Errorf("%q is no fraction of a second", clip(fraction))
	}
	at, err := time.Parse("15:04:05", clock)
	if err != nil || len(clock) != len("15:04:05") {
		return Instant{}, fmt.Errorf("%q is no time of day HH:mm:ss", clip(clock))
	}
	nanos := 0
	for _, c := range (fraction + "000000000")[:maxFraction] {
		nanos = nanos*10 + int(c-'0')
	}
	ms := day.UnixMilli() + int64(at.Hour()*3_600_000+at.Minute()*60_000+at.Second()*1_000) + int64(nanos/1_000_000)
	return Instant{Millis: ms, Nanos: int32(nanos % 1_000_000)}, nil
}

// fractionDigits counts the digits behind the point of a time literal.
func fractionDigits(text string) int {
	if _, f, ok := strings.Cut(text, "."); ok {
		return len(f)
	}
	return 0
}
