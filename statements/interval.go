package statements

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// interval reads INTERVAL [-] 'text' unit [TO unit].
func (p *parser) interval() Expr {
	at := p.expect("INTERVAL").Pos
	n := &Interval{Pos: at}
	if n.Negative = p.accept("-"); !n.Negative {
		p.accept("+")
	}
	if p.peek().kind != tokString && p.peek().kind != tokNumber && p.ahead(1).kind != tokEnd {
		p.want(wantString)
	}
	if t := p.peek(); t.kind == tokNumber {
		p.fail(t.Pos, "write INTERVAL '"+clip(t.text)+"' …", "the value of an INTERVAL stands in quotes")
	}
	text := p.text()
	q := p.qualifier()
	n.Text, n.From, n.To, n.Precision, n.Scale = strings.TrimSpace(text.Value), q.From, q.To, q.Precision, q.Scale
	if _, _, err := n.value(); err != nil {
		p.fail(text.Pos, "", "%s is no interval of %s: %v", quoteString(clip(text.Value)), q.units(), err)
	}
	return n
}

// qualifier is the units of an interval, without its value.
type qualifier struct {
	From, To         Unit
	Precision, Scale int // -1 = not written
}

func (q qualifier) units() string {
	if q.From == q.To {
		return string(q.From)
	}
	return string(q.From) + " TO " + string(q.To)
}

// intervalUnits in the order in which TO may join them, the year-month family apart from the day-time one.
var intervalUnits = []Unit{UnitYear, UnitMonth, "", UnitDay, UnitHour, UnitMinute, UnitSecond}

func intervalRank(u Unit) int {
	for i, v := range intervalUnits {
		if u == v {
			return i
		}
	}
	return -1
}

// qualifier reads unit[(p[, s])] [TO unit[(s)]].
func (p *parser) qualifier() qualifier {
	t := p.peek()
	q := qualifier{Precision: -1, Scale: -1}
	q.From = p.unit()
	q.To = q.From
	if q.From == UnitWeek || q.From == UnitQuarter {
		return q // INTERVAL '1' WEEK: no range
	}
	if intervalRank(q.From) < 0 {
		p.fail(t.Pos, "use YEAR, MONTH, DAY, HOUR, MINUTE or SECOND", "%s is no unit of an INTERVAL", q.From)
	}
	if p.accept("(") {
		q.Precision = p.integer("the precision of an INTERVAL", 10)
		if q.From == UnitSecond && p.accept(",") {
			q.Scale = p.integer("the fraction of an INTERVAL", maxFraction)
		}
		p.expect(")")
	}
	if !p.accept("TO") {
		return q
	}
	t = p.peek()
	q.To = p.unit()
	from, to := intervalRank(q.From), intervalRank(q.To)
	if to <= from || from < intervalRank("") && to > intervalRank("") {
		p.fail(t.Pos, "", "INTERVAL %s TO %s is no interval", q.From, q.To)
	}
	if q.To == UnitSecond && p.accept("(") {
		q.Scale = p.integer("the fraction of an INTERVAL", maxFraction)
		p.expect(")")
	}
	return q
}

// intervalType is the type of an interval with these units. A precision that is not written is the default of 2, a fraction 6.
func (q qualifier) intervalType() Type {
	t := Type{Kind: KindIntervalDayTime, Precision: 2, From: q.From, To: q.To}
	if q.From == UnitYear || q.From == UnitMonth || q.From == UnitQuarter {
		t.Kind = KindIntervalYearMonth
	}
	if q.Precision >= 0 {
		t.Precision = q.Precision
	}
	if q.To == UnitSecond {
		if t.Scale = 6; q.Scale >= 0 {
			t.Scale = q.Scale
		}
	}
	return t
}

// Type is the interval's type, NOT NULL.
func (n *Interval) Type() Type {
	return qualifier{n.From, n.To, n.Precision, n.Scale}.intervalType()
}

// Millis is the length of a day-time interval; ok is false for years and months, which have none.
func (n *Interval) Millis() (d time.Duration, ok bool) {
	_, ms, err := n.value()
	return time.Duration(ms) * time.Millisecond, err == nil && n.Type().Kind == KindIntervalDayTime
}

// maxMillis keeps every interval within a time.Duration.
const maxMillis = int64(1<<63-1) / int64(time.Millisecond)

var unitMillis = map[Unit]int64{UnitWeek: 7 * 86_400_000, UnitDay: 86_400_000, UnitHour: 3_600_000, UnitMinute: 60_000, UnitSecond: 1_000}
var unitMonths = map[Unit]int64{UnitYear: 12, UnitQuarter: 3, UnitMonth: 1}

// value is the interval's months or milliseconds.
func (n *Interval) value() (months, millis int64, err error) {
	text, negative := n.Text, n.Negative
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		text, negative = rest, !negative
	} else {
		text = strings.TrimPrefix(text, "+")
	}
	parts, err := n.split(text)
	if err != nil {
		return 0, 0, err
	}
	for i, part := range parts {
		months, millis, err = addPart(months, millis, part, i > 0)
		if err != nil {
			return 0, 0, err
		}
	}
	if negative {
		months, millis = -months, -millis
	}
	return months, millis, nil
}

type intervalPart struct {
	unit     Unit
	digits   string
	fraction string
}

// split cuts the text at the separators that its units ask for: "1-6" YEAR TO MONTH, "1 10:00:00.5" DAY TO SECOND.
func (n *Interval) split(text string) ([]intervalPart, error) {
	var parts []intervalPart
	from, to := intervalRank(n.From), intervalRank(n.To)
	if n.From == n.To {
		from, to = 0, 0
	}
	for r := from; r <= to; r++ {
		part := intervalPart{unit: n.From}
		if n.From != n.To {
			part.unit = intervalUnits[r]
		}
		i := strings.IndexFunc(text, func(c rune) bool { return c < '0' || c > '9' })
		if i < 0 {
			i = len(text)
		}
		part.digits, text = text[:i], text[i:]
		if part.unit == UnitSecond && strings.HasPrefix(text, ".") {
			part.fraction, text = text[1:], ""
			if strings.Trim(part.fraction, "0123456789") != "" || len(part.fraction) > maxFraction {
				return nil, fmt.Errorf("%q is no fraction of a second", part.fraction)
			}
		}
		if part.digits == "" {
			return nil, errors.New("a number is missing")
		}
		parts = append(parts, part)
		if r == to {
			break
		}
		sep := map[Unit]string{UnitYear: "-", UnitDay: " "}[part.unit]
		if sep == "" {
			sep = ":"
		}
		var ok bool
		if text, ok = strings.CutPrefix(text, sep); !ok {
			return nil, fmt.Errorf("%q is missing behind the %s", sep, strings.ToLower(string(part.unit)))
		}
		text = strings.TrimLeft(text, " ")
	}
	if text != "" {
		return nil, fmt.Errorf("%q is too much", text)
	}
	return parts, nil
}

func addPart(months, millis int64, part intervalPart, inner bool) (int64, int64, error) {
	v, err := strconv.ParseInt(part.digits, 10, 64)
	if err != nil || v > maxMillis {
		return 0, 0, errors.New("the number is too large")
	}
	limit := map[Unit]int64{UnitMonth: 12, UnitHour: 24, UnitMinute: 60, UnitSecond: 60}[part.unit]
	if inner && v >= limit {
		return 0, 0, fmt.Errorf("there are only %d to count in a %s", limit, strings.ToLower(string(part.unit)))
	}
	if f, ok := unitMonths[part.unit]; ok {
		return months + v*f, millis, nil
	}
	f := unitMillis[part.unit]
	if v > (maxMillis-millis-1000)/f {
		return 0, 0, errors.New("the number is too large")
	}
	millis += v * f
	if part.fraction != "" {
		ms, _ := strconv.ParseInt((part.fraction + "000")[:3], 10, 64)
		millis += ms
	}
	return months, millis, nil
}
