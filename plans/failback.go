package plans

import (
	"fmt"
	"slices"
)

// FailbackPlan is what a failback does before the move itself: the region that comes back is made a mirror of the one that took over from it.
type FailbackPlan struct {
	Forward   string           `json:"forward"`             // the link that the failover went along
	On        []string         `json:"on,omitempty"`        // topics that are mirrored on from where their logs end
	Anew      []ReturningTopic `json:"anew,omitempty"`      // topics that are deleted and mirrored from their beginning
	Emptied   []ReturningTopic `json:"emptied,omitempty"`   // output of statements that have read what is deleted
	Forgotten []string         `json:"forgotten,omitempty"` // those statements: they are created again
	Salvage   string           `json:"salvage,omitempty"`   // the directory that what is removed is exported to first
	Discard   bool             `json:"discard,omitempty"`   // it is not
}

// ReturningTopic is a topic of which something is removed in the region that comes back.
type ReturningTopic struct {
	Name    string           `json:"name"`
	ID      string           `json:"id,omitempty"` // "": it is gone already
	Why     string           `json:"why"`
	From    map[int32]Offset `json:"from,omitempty"` // what no other region has: from here to the log's end
	Offsets int64            `json:"offsets"`        // how many these were when planned
}

// Removes counts the offsets that only the region that comes back has, and that are removed there.
func (f *FailbackPlan) Removes() (n int64) {
	for _, t := range slices.Concat(f.Anew, f.Emptied) {
		n += t.Offsets
	}
	return n
}

// Topic finds a topic of which something is removed; nil where there is none.
func (f *FailbackPlan) Topic(name string) *ReturningTopic {
	for _, list := range [][]ReturningTopic{f.Anew, f.Emptied} {
		if i := slices.IndexFunc(list, func(t ReturningTopic) bool { return t.Name == name }); i >= 0 {
			return &list[i]
		}
	}
	return nil
}

// Does tells what becomes of the topics of a region that comes back, a sentence a line.
func (f *FailbackPlan) Does(older, newer string) []string {
	var lines []string
	if len(f.On) > 0 {
		lines = append(lines, fmt.Sprintf("%s: mirrored on from where the log in %s ends, with the same offsets.", short(f.On, "topic"), older))
	}
	for _, t := range f.Anew {
		line := fmt.Sprintf("%s: deleted in %s and mirrored from its beginning in %s, with the same offsets, because %s", t.Name, older, newer, t.Why)
		lines = append(lines, line+f.becomes(t)+".")
	}
	for _, t := range f.Emptied {
		lines = append(lines, fmt.Sprintf("%s: emptied in %s, because %s%s.", t.Name, older, t.Why, f.becomes(t)))
	}
	return lines
}

func (f *FailbackPlan) becomes(t ReturningTopic) string {
	switch {
	case t.Offsets == 0:
		return ""
	case f.Salvage != "":
		return fmt.Sprintf("; %s are exported to %s first", counted(t.Offsets, "offset"), f.Salvage)
	case f.Discard:
		return fmt.Sprintf("; %s are gone then", counted(t.Offsets, "offset"))
	}
	return fmt.Sprintf("; %s would be gone then", counted(t.Offsets, "offset"))
}
