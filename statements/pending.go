package statements

import (
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

// Signatures that are filled in next.

func Reads(s Statement) []string  { panic("pending") }
func Writes(s Statement) []string { panic("pending") }

type Graph struct{}

func NewGraph(nodes []Named) (*Graph, []report.Finding) { panic("pending") }
func (g *Graph) Order() []string                        { panic("pending") }
func (g *Graph) Needs(name string) []string             { panic("pending") }
func (g *Graph) Writers() map[string][]string           { panic("pending") }
func (g *Graph) Horizons(cat Catalog, root func(topic string) bool) map[string]map[string]Horizon {
	panic("pending")
}
func HorizonOf(s Statement, cat Catalog) map[string]Horizon               { panic("pending") }
func (h Horizon) Duration() time.Duration                                 { panic("pending") }
func (h Horizon) String() string                                          { panic("pending") }
func (h Horizon) Start(at time.Time, margin time.Duration) time.Time      { panic("pending") }
func (h Horizon) FirstComplete(start time.Time) time.Time                 { panic("pending") }
func JudgeRetention(f LogFacts, need time.Duration) RetentionVerdict      { panic("pending") }
func Rules() []Rule                                                       { panic("pending") }
func Judge(name string, u *Parsed, f Facts) ([]report.Finding, Judgement) { panic("pending") }

// Named is a statement with the name that its pipeline gives it.
type Named struct {
	Name   string
	Parsed *Parsed
}

// Rule is one determinism rule.
type Rule struct{ ID, Title, Why, Remedy string }
