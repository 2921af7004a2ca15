package linking

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Bandwidth bounds how much is read. The zero value does not.
type Bandwidth struct {
	BytesPerSecond float64
	Share          float64 // of what the link carries: reading at full speed, for this share of the time
}

var bandwidthUnits = []struct {
	suffix string
	factor float64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}

// ParseBandwidth reads "3%", "4MiB", "500kB" or a number of bytes, all by the second; "0" and "unlimited" mean no bound.
func ParseBandwidth(text string) (Bandwidth, error) {
	refuse := fmt.Errorf("bandwidth %q: write a share such as 3%%, bytes per second such as 4MiB, or unlimited", text)
	text = strings.TrimSpace(text)
	if text == "unlimited" {
		return Bandwidth{}, nil
	}
	if number, ok := strings.CutSuffix(text, "%"); ok {
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(v > 0 && v <= 100) {
			return Bandwidth{}, refuse
		}
		return Bandwidth{Share: v / 100}, nil
	}
	for _, u := range bandwidthUnits {
		number, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if err != nil || !(v >= 0 && v*u.factor <= 1e15) {
			return Bandwidth{}, refuse
		}
		return Bandwidth{BytesPerSecond: v * u.factor}, nil
	}
	return Bandwidth{}, refuse
}

// freeBytes are read before a bound holds, so that a small link is compared at once.
const freeBytes = 32 << 20

// pacer says how long to wait so that reading keeps within a bandwidth.
type pacer struct {
	bandwidth Bandwidth
	read      int64 // so far
}

// pause is how long to wait after bytes were read in the given time.
func (p *pacer) pause(bytes int64, took time.Duration) time.Duration {
	bounded := min(bytes, max(0, p.read+bytes-freeBytes))
	p.read += bytes
	if bounded <= 0 {
		return 0
	}
	took = time.Duration(float64(took) * float64(bounded) / float64(bytes))
	var pause time.Duration
	if p.bandwidth.Share > 0 {
		pause = time.Duration(float64(took) * (1/p.bandwidth.Share - 1))
	}
	if rate := p.bandwidth.BytesPerSecond; rate > 0 {
		pause = max(pause, time.Duration(float64(bounded)/rate*float64(time.Second))-took)
	}
	return pause
}
