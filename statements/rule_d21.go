package statements

import (
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
)

var d21 = Rule{
	ID:           "D21",
	Title:        "a function whose determinism nobody vouches for",
	Why:          "a user-defined function may use the clock, chance, files or a network, and the other region may have another version of it",
	Remedy:       "declare the function deterministic in lifeboat.yaml where it is (functions), and use the same artifact in both regions",
	ActiveActive: report.High, ActivePassive: report.High,
	Leaves: NonDeterministic,
	check:  checkD21,
	Page:   `Flink takes every user-defined function for deterministic unless isDeterministic() says otherwise, so that it says nothing. Who vouches for one says so in lifeboat.yaml (functions: name, deterministic, reason); where both regions' engines were seen, their artifacts are compared. A name that is neither Flink's nor declared by CREATE FUNCTION, by lifeboat.yaml or in a region is taken for a function that a catalog knows, unless one letter makes it one of Flink's: that is a mistake (sql/name).`,
	Wrong: `CREATE TABLE orders (id STRING, address STRING);
CREATE TABLE placed (id STRING, region STRING);
INSERT INTO placed SELECT id, region_of(address) FROM orders;`,
	Right: `CREATE TABLE orders (id STRING, address STRING);
CREATE TABLE placed (id STRING, region STRING);
INSERT INTO placed SELECT id, SPLIT_INDEX(address, ',', 2) FROM orders;`,
}

// patternFunctions are those that only MATCH_RECOGNIZE has.
var patternFunctions = wordSet(`CLASSIFIER FINAL FIRST LAST MATCH_NUMBER NEXT PREV RUNNING`)

func checkD21(in *judged) []hit {
	var out []hit
	told := map[string]bool{} // one finding for a function, where it is called first
	inspect(in.stmt, func(n Node) {
		name, at := calledName(n)
		if name == "" || told[name] || !userFunction(name) || builtin(name) {
			return
		}
		told[name] = true
		fact, declared := in.facts.Functions[name]
		switch c, call := n.(*Call); {
		case declared && fact.Differs != "":
			out = append(out, hit{at: at, message: name + " is not the same in both regions: " + fact.Differs})
		case declared && !fact.Deterministic:
			out = append(out, hit{at: at, message: name + " is a user-defined function, of which nothing says that it is deterministic"})
		case !declared && !(call && len(c.Of) == 0 && misspelt(name) != ""): // that is told as a mistake
			out = append(out, in.undeclaredFunction(name, at))
		}
	})
	return out
}

// undeclaredFunction is a call of what is none of Flink's functions: it may be one that the regions' catalogs have.
func (in *judged) undeclaredFunction(name string, at Pos) hit {
	remedy := howToDeclare
	if meant := meantFunction(name, sortedKeys(in.facts.Functions)); meant != "" {
		remedy = meant + " Else " + remedy
		if !strings.HasSuffix(meant, "?") {
			remedy = meant + "; " + howToDeclare
		}
	}
	return hit{at: at, message: name + " is a user-defined function that nothing here declares, and of which nothing says that it is deterministic", remedy: remedy}
}

// builtin reports whether a function is one of the dialect's that the lists of known ones leave out.
func builtin(name string) bool {
	return patternFunctions[name] || outside(name) || len(name) > 3 && name[:3] == "ML_"
}
