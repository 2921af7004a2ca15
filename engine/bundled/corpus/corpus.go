// Package corpus reads Apache Flink's published tests, converted to JSON, for the tests of the engine: their README tells the form of
// values. Only tests import it.
package corpus

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/engine/bundled/decimal"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/vec"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// Open finds a file of the shared corpora, which stand beside the repository.
func Open(t testing.TB, name string) *os.File {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		if f, err := os.Open(filepath.Join(dir, "..", "shared", "corpus", "flink", name)); err == nil {
			t.Cleanup(func() { f.Close() })
			return f
		}
	}
	if slices.Contains(strings.Split(os.Getenv("LIFEBOAT_REQUIRE"), ","), "shared") {
		t.Fatalf("LIFEBOAT_REQUIRE names shared: the corpus %s is not beside the repository", name)
	}
	t.Skipf("the corpus %s is not beside the repository", name)
	return nil
}

// Unwrap takes {"$type": …, "v": …} apart; plain values are their own text.
func Unwrap(raw json.RawMessage) (kind, text string, err error) {
	var w struct {
		Type string          `json:"$type"`
		V    json.RawMessage `json:"v"`
	}
	if len(raw) > 0 && raw[0] == '{' {
		if err := json.Unmarshal(raw, &w); err != nil {
			return "", "", err
		}
		kind, raw = w.Type, w.V
	}
	if len(raw) > 0 && raw[0] == '"' {
		err = json.Unmarshal(raw, &text)
		return kind, text, err
	}
	return kind, string(raw), nil
}

// Append appends a value to a vector of a type.
func Append(v *vec.Vector, raw json.RawMessage, t statements.Type, zone *time.Location) error {
	if len(raw) == 0 || string(raw) == "null" {
		v.AppendNull()
		return nil
	}
	_, text, err := Unwrap(raw)
	if err != nil {
		return err
	}
	switch {
	case t.Kind == statements.KindBoolean:
		v.AppendBool(text == "true")
	case t.IsApproximate():
		size := 64
		if t.Kind == statements.KindFloat {
			size = 32
		}
		f, err := strconv.ParseFloat(text, size)
		if err != nil && f == 0 {
			return err
		}
		v.AppendFloat64(f)
	case t.Kind == statements.KindDecimal:
		d, ok, valid := decimal.Parse([]byte(text), t.Precision, t.Scale)
		if !ok || !valid {
			return fmt.Errorf("%q is no %s", text, t)
		}
		v.AppendDecimal(d)
	case t.IsString():
		if t.Kind == statements.KindChar {
			for n := len([]rune(text)); n < t.Length; n++ {
				text += " "
			}
		}
		v.AppendString(text)
	case t.IsBytes():
		b, err := hex.DecodeString(text)
		if err != nil {
			return err
		}
		v.AppendBytes(b)
	case t.IsTemporal():
		x, err := temporal(text, t, zone)
		if err != nil {
			return err
		}
		v.AppendInt64(x)
	case t.IsInterval():
		x, err := isoInterval(text, t)
		if err != nil {
			return err
		}
		v.AppendInt64(x)
	default:
		x, ok := new(big.Int).SetString(text, 10)
		if !ok {
			return fmt.Errorf("%q is no integer", text)
		}
		shift := map[statements.Kind]uint{statements.KindTinyInt: 56, statements.KindSmallInt: 48, statements.KindInt: 32}[t.Kind]
		v.AppendInt64(x.Int64() << shift >> shift)
	}
	return nil
}

// temporal reads a date, time or timestamp by Go's own parser.
func temporal(text string, t statements.Type, zone *time.Location) (int64, error) {
	layout, ticks := "2006-01-02T15:04:05.999999999Z07:00", vec.TicksPerMilli(t.Precision)
	switch t.Kind {
	case statements.KindDate:
		at, err := time.Parse(time.DateOnly, text)
		return at.Unix() / 86400, err
	case statements.KindTime:
		layout = "15:04:05.999999999"
		at, err := time.Parse(layout, text)
		ms := int64(at.Hour()*3_600_000 + at.Minute()*60_000 + at.Second()*1000 + at.Nanosecond()/1_000_000)
		return ms, err
	}
	text = strings.Replace(text, " ", "T", 1)
	if !strings.HasSuffix(text, "Z") {
		layout = "2006-01-02T15:04:05.999999999"
	}
	if t.Kind == statements.KindTimestamp {
		zone = time.UTC
	}
	at, err := time.ParseInLocation(layout, text, zone)
	nanos := int64(at.Nanosecond())
	unit := int64(1)
	for range 9 - t.Precision {
		unit *= 10
	}
	nanos -= nanos % unit
	return at.Unix()*1000*ticks + nanos*ticks/1_000_000, err
}

// isoInterval reads an ISO 8601 duration: PnYnM as months, PTnHnMnS as milliseconds.
func isoInterval(text string, t statements.Type) (int64, error) {
	var years, months int64
	if t.Kind == statements.KindIntervalYearMonth {
		rest := strings.TrimPrefix(text, "P")
		if y, r, ok := strings.Cut(rest, "Y"); ok {
			years, _ = strconv.ParseInt(y, 10, 64)
			rest = r
		}
		if m, _, ok := strings.Cut(rest, "M"); ok {
			months, _ = strconv.ParseInt(m, 10, 64)
		}
		return years*12 + months, nil
	}
	d, err := time.ParseDuration(strings.ToLower(strings.TrimPrefix(text, "PT")))
	return d.Milliseconds(), err
}
