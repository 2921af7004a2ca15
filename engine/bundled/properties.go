package bundled

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/catalog"
)

// known are the properties of a statement that mean something here, with what checks their value; nil: any value.
var known = map[string]func(string) error{
	"sql.current-catalog":                                   nil, // a region has one catalog with one database
	"sql.current-database":                                  nil,
	"sql.dry-run":                                           boolean,
	"sql.inline-result":                                     boolean,
	"sql.local-time-zone":                                   timeZone,
	"sql.snapshot.mode":                                     oneOf("off", "now"),
	"sql.state-ttl":                                         noTTL,
	"sql.tables.scan.startup.mode":                          oneOf("earliest-offset", "latest-offset", "timestamp", "specific-offsets"),
	"sql.tables.scan.startup.timestamp-millis":              number,
	"sql.tables.scan.startup.specific-offsets":              offsets,
	"sql.tables.scan.bounded.mode":                          oneOf("unbounded", "latest-offset", "timestamp", "specific-offsets"),
	"sql.tables.scan.bounded.timestamp-millis":              number,
	"sql.tables.scan.bounded.specific-offsets":              offsets,
	"sql.tables.scan.idle-timeout":                          durationOrProgressive,
	"sql.tables.scan.watermark-alignment.max-allowed-drift": duration,
	"sql.tables.scan.source-operator-parallelism":           number, // one worker reads all partitions
	engine.PropEmitFrom:                                     number,
	engine.PropEmitAfter:                                    number,
	engine.PropStartTime:                                    number,
}

// free are prefixes of properties that are kept and passed over: a shell's own.
var free = []string{"client.", "sql.secrets."}

// checkProperties refuses a property that is not known, because a statement that silently ignores one does something else than was asked.
func checkProperties(properties map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		value := properties[key]
		check, ok := known[key]
		switch {
		case ok && check != nil:
			if err := check(value); err != nil {
				return &engine.InvalidError{Message: fmt.Sprintf("property %q: %v", key, err)}
			}
		case ok, slices.ContainsFunc(free, func(p string) bool { return strings.HasPrefix(key, p) }):
		case strings.HasPrefix(key, engine.PropStart), strings.HasPrefix(key, engine.PropHold):
			if err := offsets(value); err != nil {
				return &engine.InvalidError{Message: fmt.Sprintf("property %q: %v", key, err)}
			}
		default:
			return &engine.InvalidError{
				Message: fmt.Sprintf("property %q is not supported", key),
				Hint:    catalog.Suggest(key, slices.Collect(maps.Keys(known))),
			}
		}
	}
	return nil
}

func boolean(v string) error { return oneOf("true", "false")(v) }

func oneOf(values ...string) func(string) error {
	return func(v string) error {
		if !slices.Contains(values, strings.ToLower(v)) {
			return fmt.Errorf("%q is not one of %s", v, strings.Join(values, ", "))
		}
		return nil
	}
}

func number(v string) error {
	if _, err := strconv.ParseInt(v, 10, 64); err != nil {
		return fmt.Errorf("%q is not a whole number", v)
	}
	return nil
}

func offsets(v string) error {
	_, err := engine.ParseOffsets(v)
	return err
}

func duration(v string) error {
	_, err := catalog.Duration(v)
	return err
}

func durationOrProgressive(v string) error {
	if strings.EqualFold(v, "progressive") {
		return nil
	}
	return duration(v)
}

func timeZone(v string) error {
	if _, err := time.LoadLocation(v); err != nil {
		return fmt.Errorf("%q is not a time zone such as UTC or Europe/Berlin", v)
	}
	return nil
}

// noTTL takes only the default: state that the statements of this version keep goes with its window.
func noTTL(v string) error {
	if d, err := catalog.Duration(v); err != nil {
		return err
	} else if d != 0 {
		return fmt.Errorf("%q: no state-ttl but 0 (never) is supported", v)
	}
	return nil
}
