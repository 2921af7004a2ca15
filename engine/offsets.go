package engine

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// FormatOffsets writes offsets as the statements API and the table options do: "partition:0,offset:42;partition:1,offset:300",
// sorted by partition.
func FormatOffsets(offsets map[int32]int64) string {
	var b strings.Builder
	for i, p := range slices.Sorted(maps.Keys(offsets)) {
		if i > 0 {
			b.WriteByte(';')
		}
		fmt.Fprintf(&b, "partition:%d,offset:%d", p, offsets[p])
	}
	return b.String()
}

// ParseOffsets reads what FormatOffsets writes. White space around the parts is allowed, a partition twice is not; an
// empty text holds no offsets.
func ParseOffsets(s string) (map[int32]int64, error) {
	offsets := map[int32]int64{}
	if strings.TrimSpace(s) == "" {
		return offsets, nil
	}
	for _, item := range strings.Split(strings.TrimSuffix(strings.TrimSpace(s), ";"), ";") {
		partition, offset, ok := strings.Cut(item, ",")
		p, okP := strings.CutPrefix(strings.TrimSpace(partition), "partition:")
		o, okO := strings.CutPrefix(strings.TrimSpace(offset), "offset:")
		if !ok || !okP || !okO {
			return nil, fmt.Errorf("offsets: %q is not of the form partition:0,offset:42", item)
		}
		pn, err := strconv.ParseInt(p, 10, 32)
		if err != nil || pn < 0 {
			return nil, fmt.Errorf("offsets: partition %q is not a number from 0", p)
		}
		on, err := strconv.ParseInt(o, 10, 64)
		if err != nil || on < 0 {
			return nil, fmt.Errorf("offsets: offset %q is not a number from 0", o)
		}
		if _, twice := offsets[int32(pn)]; twice {
			return nil, fmt.Errorf("offsets: partition %d is named twice", pn)
		}
		offsets[int32(pn)] = on
	}
	return offsets, nil
}
