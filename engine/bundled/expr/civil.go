package expr

import "time"

// The proleptic Gregorian calendar on plain integers: no time.Time in a loop over rows.

const (
	millisPerSecond = 1000
	millisPerMinute = 60 * millisPerSecond
	millisPerHour   = 60 * millisPerMinute
	millisPerDay    = 24 * millisPerHour
)

// civil turns days since 1970-01-01 into a date.
func civil(days int64) (year, month, day int64) {
	z := days + 719468
	era := floorDiv(z, 146097)
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	day = doy - (153*mp+2)/5 + 1
	month = mp + 3
	if month > 12 {
		month -= 12
	}
	year = yoe + era*400
	if month <= 2 {
		year++
	}
	return year, month, day
}

// daysOf turns a date into days since 1970-01-01; month may be outside 1 to 12.
func daysOf(year, month, day int64) int64 {
	year += floorDiv(month-1, 12)
	month = floorMod(month-1, 12) + 1
	if month <= 2 {
		year--
	}
	era := floorDiv(year, 400)
	yoe := year - era*400
	m := month - 3
	if m < 0 {
		m += 12
	}
	doy := (153*m+2)/5 + day - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return era*146097 + doe - 719468
}

// monthLength is the number of days in a month.
func monthLength(year, month int64) int64 {
	return daysOf(year, month+1, 1) - daysOf(year, month, 1)
}

// addMonths moves a date by months; a day that the new month does not have becomes its last.
func addMonths(days, months int64) int64 {
	y, m, d := civil(days)
	m += months
	y, m = y+floorDiv(m-1, 12), floorMod(m-1, 12)+1
	return daysOf(y, m, min(d, monthLength(y, m)))
}

// isoWeek is the ISO 8601 week and the year it belongs to.
func isoWeek(days int64) (year, week int64) {
	thursday := days - isoWeekday(days) + 4
	year, _, _ = civil(thursday)
	return year, (thursday-daysOf(year, 1, 1))/7 + 1
}

// isoWeekday is 1 for Monday to 7 for Sunday.
func isoWeekday(days int64) int64 { return floorMod(days+3, 7) + 1 }

func floorDiv(x, y int64) int64 {
	q := x / y
	if x%y != 0 && (x < 0) != (y < 0) {
		q--
	}
	return q
}

func floorMod(x, y int64) int64 { return x - floorDiv(x, y)*y }

// toLocal moves an instant to the clock of a zone, toInstant back; both in milliseconds. A local time that a change of clocks skips or
// repeats is taken as Java's ZonedDateTime.ofLocal takes it: skipped ones move on by the gap, of repeated ones the earlier instant counts.
func toLocal(ms int64, zone *time.Location) int64 {
	if zone == time.UTC {
		return ms
	}
	_, offset := time.UnixMilli(ms).In(zone).Zone()
	return ms + int64(offset)*1000
}

func toInstant(local int64, zone *time.Location) int64 {
	if zone == time.UTC {
		return local
	}
	_, before := time.UnixMilli(local - millisPerDay).In(zone).Zone()
	_, after := time.UnixMilli(local + millisPerDay).In(zone).Zone()
	early := local - int64(before)*1000
	if before == after {
		// The zone's offset may still have changed twice in between; the instant's own offset then tells.
		if _, o := time.UnixMilli(early).In(zone).Zone(); o == before {
			return early
		}
	}
	if toLocal(early, zone) == local {
		return early
	}
	if late := local - int64(after)*1000; toLocal(late, zone) == local {
		return late
	}
	return early
}

// Local is the time that a zone's clock shows at an instant, both in epoch milliseconds.
func Local(ms int64, zone *time.Location) int64 { return toLocal(ms, zone) }
