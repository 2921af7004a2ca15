// Package nycflights is the data and the SQL of `lifeboat demo`: a month of flights out of New York, embedded in the binary.
package nycflights

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"embed"
	"encoding/csv"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"time"
)

//go:embed flights-2013-01.csv.gz airlines.csv sql/*.sql
var files embed.FS

// SQL holds the statement files, sql/*.sql.
func SQL() fs.FS { return files }

// Flight is one scheduled departure. Cancelled flights have no delay.
type Flight struct {
	At        time.Time // departure; of a cancelled flight the scheduled one. UTC
	Carrier   string
	Number    int32
	Tail      string // "" where not recorded
	Origin    string
	Dest      string
	Delay     int32 // minutes; meaningless when Cancelled
	Distance  int32 // miles
	Cancelled bool
}

// FlightSchema is the Avro schema of the topic's values.
const FlightSchema = `{"type":"record","name":"Flight","namespace":"nycflights","fields":[
 {"name":"carrier","type":"string"},
 {"name":"flight","type":"int"},
 {"name":"tailnum","type":["null","string"],"default":null},
 {"name":"origin","type":"string"},
 {"name":"dest","type":"string"},
 {"name":"dep_delay","type":["null","int"],"default":null,"doc":"minutes; null is cancelled"},
 {"name":"distance","type":"int"}]}`

// AirlineSchema is the Avro schema of the airlines topic's values; its key is the carrier code as a string.
const AirlineSchema = `{"type":"record","name":"Airline","namespace":"nycflights","fields":[{"name":"carrier","type":"string"},{"name":"name","type":"string"}]}`

// Airline is a carrier and its name.
type Airline struct{ Carrier, Name string }

// Airlines returns the carriers, by code.
func Airlines() ([]Airline, error) {
	b, err := files.ReadFile("airlines.csv")
	if err != nil {
		return nil, err
	}
	rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("airlines.csv: %w", err)
	}
	var list []Airline
	for _, r := range rows[1:] {
		list = append(list, Airline{r[0], r[1]})
	}
	return list, nil
}

// Flights returns the month in order of departure, shifted so that the last one departs at end.
func Flights(end time.Time) ([]Flight, error) {
	f, err := files.Open("flights-2013-01.csv.gz")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("flights: %w", err)
	}
	in := csv.NewReader(z)
	in.ReuseRecord = true
	if _, err := in.Read(); err != nil {
		return nil, fmt.Errorf("flights: %w", err)
	}
	var list []Flight
	for line := 2; ; line++ {
		row, err := in.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("flights: %w", err)
		}
		fl, err := parse(row)
		if err != nil {
			return nil, fmt.Errorf("flights: line %d: %w", line, err)
		}
		list = append(list, fl)
	}
	slices.SortStableFunc(list, func(a, b Flight) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Carrier, b.Carrier), cmp.Compare(a.Number, b.Number))
	})
	shift := end.Truncate(time.Millisecond).Sub(list[len(list)-1].At)
	for i := range list {
		list[i].At = list[i].At.Add(shift)
	}
	return list, nil
}

// parse reads one row: year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,
// origin,dest,air_time,distance,hour,minute,time_hour. time_hour is the scheduled hour in UTC; the departure is the scheduled minute
// of it plus the delay.
func parse(row []string) (Flight, error) {
	if len(row) != 19 {
		return Flight{}, fmt.Errorf("%d columns, want 19", len(row))
	}
	hour, err := time.Parse(time.RFC3339, row[18])
	if err != nil {
		return Flight{}, err
	}
	var bad error
	number := func(s string) int32 {
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil && bad == nil {
			bad = err
		}
		return int32(n)
	}
	fl := Flight{Carrier: clone(row[9]), Number: number(row[10]), Origin: clone(row[12]), Dest: clone(row[13]), Distance: number(row[15])}
	if row[11] != "NA" {
		fl.Tail = clone(row[11])
	}
	fl.At = hour.Add(time.Duration(number(row[17])) * time.Minute)
	if row[5] == "NA" {
		fl.Cancelled = true
	} else {
		fl.Delay = number(row[5])
		fl.At = fl.At.Add(time.Duration(fl.Delay) * time.Minute)
	}
	return fl, bad
}

func clone(s string) string { return string([]byte(s)) }
