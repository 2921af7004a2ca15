package catalog

import (
	"fmt"
	"slices"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// invalidAt is a refusal at a place in the SQL.
func invalidAt(at statements.Pos, hint, message string, args ...any) *engine.InvalidError {
	return &engine.InvalidError{Line: at.Line, Column: at.Column, Message: fmt.Sprintf(message, args...), Hint: hint}
}

// Suggest is a hint that names the known name closest to one that is unknown, or "" where none is close.
func Suggest(name string, known []string) string {
	slices.Sort(known)
	best, distance := "", len(name)/3+2
	for _, k := range known {
		if d := edits(name, k); d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %s?", best)
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(row[j]+1, row[j+1]+1, change)
		}
	}
	return row[len(b)]
}
