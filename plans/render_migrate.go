package plans

import (
	"fmt"
	"strings"
)

// migration tells what moves in which batch, and what stays.
func (w *textWriter) migration(p *Plan) {
	m := p.Migration
	if m.Back != "" {
		w.blank()
		w.hanging(0, "", fmt.Sprintf("Batch %s goes back to where it was, nothing of it is lost: %s of %s.", m.Back, areMirrors(m.Batch(m.Back).Topics, p.To), p.From))
		return
	}
	w.blank()
	w.line(0, "Batches, in the order in which they move")
	if len(m.Batches) == 0 {
		w.line(2, "none is left")
	}
	for i, b := range m.Batches {
		w.hanging(2, fmt.Sprintf("%2d. ", i+1), b.Name+": "+b.sums())
		w.field("topics", strings.Join(b.Topics, ", "))
		w.field("run", strings.Join(b.Statements, ", "))
		w.field("write", strings.Join(b.Derived, ", "))
		w.field("groups", strings.Join(b.Groups, ", "))
		w.field("subjects", strings.Join(b.Subjects, ", "))
	}
	for _, list := range []struct {
		title   string
		batches []Batch
	}{{"Not in this plan", m.Later}, {"In " + p.To + " already", m.Moved}} {
		if len(list.batches) > 0 {
			w.blank()
			w.line(0, "%s", list.title)
		}
		for _, b := range list.batches {
			w.hanging(2, "", b.Name+": "+b.sums())
		}
	}
	if len(m.Stays) > 0 && len(m.Left) == 0 {
		w.blank()
		w.line(0, "What stays in %s", p.From)
	}
	for _, s := range m.Stays {
		if len(m.Left) > 0 {
			break // they are in that list
		}
		w.hanging(2, fmt.Sprintf("%-9s ", s.Kind), s.Name+": "+s.Why)
	}
	w.left(p)
}

// left tells what may be removed from the source, and how.
func (w *textWriter) left(p *Plan) {
	left := p.Migration.Left
	for _, part := range []struct {
		title  string
		remove bool
	}{{"What is left in " + p.From + " of what has moved, in the order in which it may be removed", true}, {"What is to be kept in " + p.From, false}} {
		begun := false
		for _, l := range left {
			if (l.Command != "") != part.remove {
				continue
			}
			if !begun {
				w.blank()
				w.line(0, "%s", part.title)
				begun = true
			}
			w.hanging(2, fmt.Sprintf("%-9s ", l.Kind), l.Name+": "+l.Why)
			if l.Command != "" {
				w.WriteString("            " + l.Command + "\n")
			}
		}
	}
}

// sums tells how much a batch is.
func (b *Batch) sums() string {
	parts := []string{counted(int64(len(b.Topics)), "topic"), counted(int64(b.Partitions), "partition"), counted(b.Offsets, "offset")}
	if b.Bytes > 0 {
		parts = append(parts, size(float64(b.Bytes)))
	}
	if n := len(b.Statements); n > 0 {
		parts = append(parts, counted(int64(n), "statement"))
	}
	return strings.Join(parts, ", ")
}
