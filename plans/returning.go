package plans

import "fmt"

// Returning is a topic in a region that comes back, against the same topic in the region that took over from it: what a failback is planned from.
type Returning struct {
	ID       string          `json:"id,omitempty"` // of the topic in the region that comes back; "": it is gone
	Other    string          `json:"other,omitempty"`
	Mirrored bool            `json:"mirrored,omitempty"` // the link back mirrors it already
	Parts    []ReturningPart `json:"parts,omitempty"`
}

// ReturningPart is one partition. Up to Point both logs have the same.
type ReturningPart struct {
	Point    Offset `json:"point"`
	Start    Offset `json:"start"`    // in the region that comes back: [Start, End)
	End      Offset `json:"end"`      //
	NewStart Offset `json:"newStart"` // in the one that took over: [NewStart, NewEnd)
	NewEnd   Offset `json:"newEnd"`   //
	Differs  string `json:"differs,omitempty"`
}

// Tail counts the offsets that only the region that comes back has.
func (p ReturningPart) Tail() int64 { return max(0, int64(p.End-p.Point)) }

// Tail counts the offsets that only the region that comes back has.
func (r *Returning) Tail() (n int64) {
	for _, p := range r.Parts {
		n += p.Tail()
	}
	return n
}

// Why says what keeps the topic from being mirrored on where it is; "" where nothing does. newer is the region that took over, older the other one.
func (r *Returning) Why(older, newer string) string {
	switch {
	case r.ID == "":
		return fmt.Sprintf("it is not in %s any more", older)
	case r.Other != "":
		return r.Other
	}
	for i, p := range r.Parts {
		switch {
		case p.Differs != "":
			return fmt.Sprintf("partition %d is another log from %v on: %s", i, p.Point, p.Differs)
		case p.Tail() > 0:
			return fmt.Sprintf("%v–%v of partition %d, and %s in all, never came to %s", p.Point, p.End-1, i, counted(r.Tail(), "offset"), newer)
		case p.NewStart > p.End:
			return fmt.Sprintf("partition %d ends at %v, and %s begins at %v", i, p.End, newer, p.NewStart)
		}
	}
	return ""
}
