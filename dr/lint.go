package dr

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/statements"
)

// Lint reports what SQL files say by themselves, and of the topics of a snapshot where one is given: found is what was wrong while they were read.
// Findings as severe as failOn fail the
// report; "" = blocking ones.
func Lint(title string, declared []*plans.Declared, found []report.Finding, failOn report.Severity, seen *plans.Observed) *report.Report {
	rep := &report.Report{Command: "lint", Title: title, FailOn: failOn, Graph: &report.Graph{}}
	all := &plans.Study{Findings: slices.Clone(found)}
	files := map[string]bool{}
	for _, d := range declared {
		st := plans.StudyOf(d, seen)
		all.Statements = append(all.Statements, st.Statements...)
		all.Findings = append(all.Findings, st.Findings...)
		all.Engines, all.Beyond = append(all.Engines, st.Engines...), append(all.Beyond, st.Beyond...)
		for _, dialect := range st.Dialects {
			if !slices.Contains(all.Dialects, dialect) {
				all.Dialects = append(all.Dialects, dialect)
			}
		}
		rep.Graph.Nodes = append(rep.Graph.Nodes, st.Graph.Nodes...)
		rep.Graph.Edges = append(rep.Graph.Edges, st.Graph.Edges...)
		rep.File = cmp.Or(rep.File, d.Path)
		for _, s := range d.Statements {
			rep.File = cmp.Or(rep.File, s.File)
			files[s.File] = true
		}
	}
	for _, f := range found {
		files[f.Place.File] = true
	}
	rep.Findings = all.Findings
	byPlace(rep.Findings)
	rep.Checks = studyChecks(all, rep.Fails, allOfStudy...)
	rep.Statements = studiedLines(all)
	rep.Rules = rulesOf(rep.Findings)
	concludeLint(rep, len(all.Statements), len(files))
	return rep
}

// byPlace orders findings as a compiler tells them: the worst first, those of one severity as they stand in the files.
func byPlace(found []report.Finding) {
	slices.SortStableFunc(found, func(a, b report.Finding) int {
		switch {
		case a.Severity.Worse(b.Severity):
			return -1
		case b.Severity.Worse(a.Severity):
			return 1
		}
		return cmp.Or(strings.Compare(a.Place.File, b.Place.File), a.Place.Line-b.Place.Line, a.Place.Column-b.Place.Column)
	})
}

func concludeLint(rep *report.Report, n, files int) {
	rep.Outcome = report.Passed
	count := map[report.Severity]int{}
	waived := 0
	for _, f := range rep.Findings {
		if f.Waived != "" {
			waived++
			continue
		}
		count[f.Severity]++
		if rep.Fails(f) {
			rep.Outcome = report.Failed
		}
	}
	var parts []string
	for _, s := range []report.Severity{report.Block, report.High, report.Medium, report.Low} {
		if count[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count[s], s))
		}
	}
	told := "nothing found"
	if len(parts) > 0 {
		told = "found: " + strings.Join(parts, ", ")
	}
	if waived > 0 {
		told += fmt.Sprintf(", %d waived", waived)
	}
	rep.Summary = fmt.Sprintf("%s in %s, %s", counted(n, "statement"), counted(files, "file"), told)
	for _, r := range rep.Rules {
		if strings.HasPrefix(r.ID, "D") {
			rep.Next = []string{"lifeboat lint --explain " + r.ID}
			break
		}
	}
}

// studiedLines are the statements that compute something.
func studiedLines(st *plans.Study) []report.Statement {
	var out []report.Statement
	for _, s := range st.Statements {
		if s.Moves() {
			out = append(out, studiedLine(s))
		}
	}
	return out
}

// studiedLine is a statement as a report shows it.
func studiedLine(s plans.Studied) report.Statement {
	line := report.Statement{Name: s.Name, Reads: s.Reads, Writes: s.Writes, Horizon: s.Horizon(), Verdict: s.Verdict}
	if s.Verdict != "" && s.VerdictWhy != "" {
		line.Verdict += ": " + s.VerdictWhy
	}
	if s.Changelog != "" {
		line.Changelog = s.Changelog
	}
	return line
}

// rulesOf are the rules that findings name, in the order of their ids.
func rulesOf(found []report.Finding) []report.Rule {
	named := map[string]bool{}
	for _, f := range found {
		named[f.Rule] = true
	}
	var out []report.Rule
	for _, r := range AllRules() {
		if named[r.ID] {
			out = append(out, r)
		}
	}
	return out
}

// AllRules are the rules of determinism and those of the front end, each with its page.
func AllRules() []report.Rule {
	var out []report.Rule
	for _, r := range statements.Rules() {
		out = append(out, report.Rule{ID: r.ID, Title: r.Title, Why: r.Why, Remedy: r.Remedy, ActiveActive: r.ActiveActive, ActivePassive: r.ActivePassive,
			Page: r.Page, Wrong: r.Wrong, Right: r.Right})
	}
	return append(out, frontRules...)
}

// frontRules are those that are not about determinism: why a text is refused, or how statements hang together.
var frontRules = []report.Rule{
	{ID: statements.RuleChangelog, Title: "changes that an operator or a sink does not take", Why: "the engine of the other region refuses the statement, on the day when it is needed",
		Remedy: "write to a table with a primary key; give operators that take inserts, such as interval joins, inputs that only insert",
		Wrong:  "CREATE TABLE t (item STRING);\nCREATE TABLE n (item STRING, n BIGINT);\nINSERT INTO n SELECT item, COUNT(*) FROM t GROUP BY item;",
		Right:  "CREATE TABLE t (item STRING);\nCREATE TABLE n (item STRING, n BIGINT, PRIMARY KEY (item) NOT ENFORCED);\nINSERT INTO n SELECT item, COUNT(*) FROM t GROUP BY item;"},
	{ID: "sql/cycle", Title: "statements that read each other's output", Why: "no order of starting them, and no start position, gives the same result again",
		Remedy: "read the input from before the loop, or write to another table",
		Wrong:  "INSERT INTO a SELECT id FROM b;\nINSERT INTO b SELECT id FROM a;", Right: "INSERT INTO b SELECT id FROM a;"},
	{ID: statements.RuleDialect, Title: "what the dialect of the statements does not take", Why: "the statement is refused in the region where it is started, on the day when it is needed",
		Remedy: "write it another way, or say in lifeboat.yaml which dialect the statements are written in (dialect: flink-2.x, or --dialect)",
		Wrong:  "CREATE TABLE t (id BIGINT, p AS PROCTIME());", Right: "CREATE TABLE t (id BIGINT);\nINSERT INTO u SELECT id, $rowtime FROM t;"},
	{ID: "sql/empty", Title: "a file without a statement", Why: "somebody thinks that it does something", Remedy: "remove it, or write a statement"},
	{ID: statements.RuleLimit, Title: "a statement longer or nested deeper than the dialect takes", Why: "the engine of the other region refuses it, on the day when it is needed",
		Remedy: "split the statement"},
	{ID: statements.RuleName, Title: "a name that is not known, or used twice", Why: "the engine of the other region refuses the statement, on the day when it is needed",
		Remedy: "write the name as its table declares it",
		Wrong:  "CREATE TABLE t (id BIGINT);\nINSERT INTO t SELECT idd FROM t2;", Right: "CREATE TABLE t (id BIGINT);\nINSERT INTO t SELECT id FROM t2;"},
	{ID: statements.RuleNoTopic, Title: "a table that no topic backs", Why: "the engine refuses the statement, or it waits for rows that never come", Remedy: "create the topic, or mend the name"},
	{ID: statements.RuleSchema, Title: "schemas that tell no columns", Why: "the engine has no table for the topic either, or another one than is thought: statements that read or write it are refused on the day when they are needed",
		Remedy: "register what the schema refers to, or write the statement over a table that CREATE TABLE declares"},
	{ID: statements.RuleSyntax, Title: "a text that is not Flink SQL", Why: "nothing can be said about what the statement computes, and the engine refuses it", Remedy: "write what the finding expects",
		Wrong: "INSERT INTO t SELECT id shop FORM orders;", Right: "INSERT INTO t SELECT id, shop FROM orders;"},
	{ID: statements.RuleText, Title: "a text that can not be read", Why: "an encoding other than UTF-8, or a string or comment without its end, hides what the statement says", Remedy: "save the file as UTF-8, and close strings and comments"},
	{ID: "sql/two-creators", Title: "a table that two statements create", Why: "which of the two declarations holds depends on which runs first", Remedy: "keep one of them"},
	{ID: "sql/two-writers", Title: "a table that two statements write", Why: "the rows of two statements mix in another order in each region",
		Remedy: "write each topic by one statement, or accept that the order of rows differs between regions"},
	{ID: statements.RuleType, Title: "types that do not fit", Why: "the engine of the other region refuses the statement, on the day when it is needed", Remedy: "cast, or change the column"},
	{ID: statements.RuleUndeclared, Title: "a table that no CREATE TABLE declares", Why: "its columns, key and watermark are not known, so names and types are not checked",
		Remedy: "add its CREATE TABLE (SHOW CREATE TABLE prints it)"},
	{ID: statements.RuleUnsupported, Title: "what the dialect has and lifeboat has not", Why: "it is refused by its name instead of being run wrongly", Remedy: "write it another way, or run the statement by another engine"},
	{ID: "topology/duplicate-name", Title: "two statements of one name", Why: "names are how statements are told apart in both regions: the second would be taken for the first", Remedy: "rename one of the files"},
}

// RuleNamed returns the rule of this id, in any case.
func RuleNamed(id string) (report.Rule, bool) {
	all := AllRules()
	i := slices.IndexFunc(all, func(r report.Rule) bool { return strings.EqualFold(r.ID, id) })
	if i < 0 {
		return report.Rule{}, false
	}
	return all[i], true
}

// Explain is the page of one rule.
func Explain(r report.Rule) *report.Report {
	return &report.Report{Command: "lint", Title: r.ID + ": " + r.Title, Outcome: report.Done, Rules: []report.Rule{r}}
}
