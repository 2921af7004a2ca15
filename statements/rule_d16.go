package statements

import "github.com/lifeboat-dr/lifeboat/dr/report"

var d16 = Rule{
	ID:           "D16",
	Title:        "LIMIT without ORDER BY",
	Why:          "which rows come first depends on how the partitions interleave",
	Remedy:       "add ORDER BY with a unique key, or leave the limit out",
	ActiveActive: report.Block, ActivePassive: report.Block,
	Leaves: NonDeterministic,
	check:  checkD16,
}

func checkD16(in *judged) []hit {
	n := in.insert()
	if n == nil {
		return nil
	}
	var out []hit
	for q := n.Query; q != nil; {
		if q.LimitAt.Line > 0 && q.Limit != nil && len(q.OrderBy) == 0 {
			word := "LIMIT"
			if q.Fetch {
				word = "FETCH"
			}
			out = append(out, hit{at: q.LimitAt, message: word + " keeps the rows that happen to come first"})
		}
		s, ok := q.Body.(*Select)
		if q = nil; ok {
			if d, ok := s.From.(*Derived); ok {
				q = d.Query
			}
		}
	}
	return out
}
