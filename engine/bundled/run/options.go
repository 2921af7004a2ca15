package run

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/catalog"
)

const defaultDrift = 5 * time.Minute

// edge is one end of what is read of an input: its beginning or its end.
type edge struct {
	mode    string          // earliest-offset, latest-offset, timestamp, specific-offsets; unbounded
	millis  int64           // timestamp
	offsets map[int32]int64 // specific-offsets
	timed   bool            // of a beginning: the records in front of the first one that is not older than millis are passed over
}

// scan says how a statement reads its input.
type scan struct {
	start   edge
	end     edge
	hold    map[int32]int64 // where partitions are taken to end for now; nil: nowhere
	idle    time.Duration
	drift   time.Duration // 0: any
	skipBad bool          // error-handling.mode = ignore
}

// readScan takes the table's options, hints included, and the statement's properties, which override them. lifeboat.start.TOPIC
// overrides all.
func readScan(topic string, options, properties map[string]string) (scan, error) {
	s := scan{idle: progressive, drift: defaultDrift}
	get := func(key, def string) string {
		if v, ok := properties["sql.tables."+key]; ok {
			return v
		}
		if v, ok := options[key]; ok {
			return v
		}
		return def
	}
	var err error
	if s.start, err = readEdge("scan.startup", get, "earliest-offset", "latest-offset"); err != nil {
		return scan{}, err
	}
	if s.end, err = readEdge("scan.bounded", get, "unbounded", "latest-offset"); err != nil {
		return scan{}, err
	}
	if strings.EqualFold(properties["sql.snapshot.mode"], "now") {
		s.end = edge{mode: "latest-offset"}
	}
	if text, ok := properties[engine.PropStart+topic]; ok {
		offsets, err := engine.ParseOffsets(text)
		if err != nil {
			return scan{}, fmt.Errorf("property %q: %w", engine.PropStart+topic, err)
		}
		s.start = edge{mode: "specific-offsets", offsets: offsets}
		if text, ok := properties[engine.PropStartTime]; ok {
			if s.start.millis, err = strconv.ParseInt(text, 10, 64); err != nil {
				return scan{}, fmt.Errorf("property %q: %q is no time in epoch milliseconds", engine.PropStartTime, text)
			}
			s.start.timed = true
		}
	}
	if text, ok := properties[engine.PropHold+topic]; ok {
		if s.bounded() {
			return scan{}, fmt.Errorf("property %q: the input is bounded, so it can not be held as well", engine.PropHold+topic)
		}
		if s.hold, err = engine.ParseOffsets(text); err != nil {
			return scan{}, fmt.Errorf("property %q: %w", engine.PropHold+topic, err)
		}
	}
	if text := get("scan.idle-timeout", ""); text != "" && !strings.EqualFold(text, "progressive") {
		if s.idle, err = catalog.Duration(text); err != nil {
			return scan{}, fmt.Errorf("property \"sql.tables.scan.idle-timeout\": %w", err)
		}
	}
	if text := get("scan.watermark-alignment.max-allowed-drift", ""); text != "" {
		if s.drift, err = catalog.Duration(text); err != nil {
			return scan{}, fmt.Errorf("property \"sql.tables.scan.watermark-alignment.max-allowed-drift\": %w", err)
		}
	}
	switch v := strings.ToLower(options["error-handling.mode"]); v {
	case "", "fail":
	case "ignore":
		s.skipBad = true
	default:
		return scan{}, fmt.Errorf("table %q: error-handling.mode %q is not supported: it can be fail or ignore", topic, v)
	}
	if v := strings.ToLower(options["kafka.consumer.isolation-level"]); v != "" && v != "read-committed" {
		return scan{}, fmt.Errorf("table %q: kafka.consumer.isolation-level %q is not supported: only read-committed is", topic, v)
	}
	return s, nil
}

func readEdge(prefix string, get func(key, def string) string, modes ...string) (edge, error) {
	e := edge{mode: strings.ToLower(get(prefix+".mode", modes[0]))}
	switch e.mode {
	case modes[0], modes[1]:
	case "timestamp":
		text := get(prefix+".timestamp-millis", "")
		ms, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return edge{}, fmt.Errorf("%s.mode is timestamp, but %s.timestamp-millis is %q and not epoch milliseconds", prefix, prefix, text)
		}
		e.millis, e.timed = ms, true
	case "specific-offsets":
		offsets, err := engine.ParseOffsets(get(prefix+".specific-offsets", ""))
		if err != nil {
			return edge{}, fmt.Errorf("%s.specific-offsets: %w", prefix, err)
		}
		e.offsets = offsets
	default:
		return edge{}, fmt.Errorf("%s.mode %q is not supported: it can be %s, timestamp or specific-offsets", prefix, e.mode, strings.Join(modes, ", "))
	}
	return e, nil
}

// bounded reports whether the input ends.
func (s scan) bounded() bool { return s.end.mode != "unbounded" }

// noEnd is the end of a partition that is read for ever.
const noEnd = int64(math.MaxInt64)
