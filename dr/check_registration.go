package dr

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/engine/bundled/format"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// checkRegistration tells which schemas the statements would register where they are started, and whether that registry takes them: a subject
// that may not be written refuses the statement (Schema Registry: 42205, operation not permitted) in the middle of a failover, and so does one whose
// compatibility level the schema breaks (409).
func checkRegistration(ctx context.Context, c *checkup) []report.Check {
	all := c.world.Declared.Registrations(c.decl, c.seen)
	if len(all) == 0 {
		return nil
	}
	line := report.Check{Name: "registry of " + c.decl.To + " takes the schemas of the tables that statements declare", Outcome: report.Passed}
	var fresh, refused, unknown []string
	errorLog := false
	for _, r := range all {
		switch {
		case r.Refused != "":
			refused = append(refused, r.Refused)
			errorLog = errorLog || r.Errors
		case !r.There:
			fresh = append(fresh, r.Subject)
		case r.Errors || r.Exists: // nothing is registered: what is there is used
		default:
			why, err := incompatible(ctx, c, r)
			switch {
			case err != nil:
				unknown = append(unknown, err.Error())
			case why != "":
				refused = append(refused, why)
			}
		}
	}
	switch {
	case len(refused) > 0:
		line.Outcome, line.Detail = report.Failed, strings.Join(refused, "; ")
		line.Why = "a table registers its schema when it is created: what the registry refuses (42205, 409) refuses the statement, in the middle of a failover"
		line.Remedy = "PUT /mode/SUBJECT {\"mode\":\"READWRITE\"} in " + c.decl.To + " for the subjects of derived topics, or let a link mirror them; where a schema is not compatible, declare the table as its subject has it"
		if errorLog {
			line.Remedy += "; create the table for rows that can not be read in " + c.decl.From + " ahead, so that its subject is mirrored"
		}
	case len(unknown) > 0:
		line.Outcome, line.Detail = report.Unknown, strings.Join(unknown, "; ")
	case len(fresh) > 0:
		line.Detail = counted(len(all)-len(fresh), "subject") + " there, new: " + strings.Join(fresh, ", ")
	default:
		line.Detail = counted(len(all), "subject") + ", all there"
	}
	return []report.Check{line}
}

// incompatible asks the destination's registry whether it would take a table's schema as the next version of a subject that is there, and says why not.
// Of a snapshot nobody can be asked.
func incompatible(ctx context.Context, c *checkup, r plans.Registration) (string, error) {
	to := c.world.Regions[c.decl.To]
	if to == nil || to.Registry == nil {
		return "", nil
	}
	key, value, err := format.ForTable(r.Declared)
	if err != nil {
		return "", nil // a finding says that the engine does not take the table
	}
	schema := value
	if strings.HasSuffix(r.Subject, "-key") {
		schema = key
	}
	if schema == nil {
		return "", nil
	}
	var language sr.SchemaType
	if err := language.UnmarshalText([]byte(schema.Type)); err != nil {
		return "", fmt.Errorf("%s: subject %q: %w", to.Name, r.Subject, err)
	}
	wanted := sr.Schema{Schema: schema.Text, Type: language}
	if _, err := to.Registry.LookupSchema(ctx, r.Subject, wanted); err == nil {
		return "", nil // it is there, and is not registered again
	}
	if r.Mode != "READWRITE" && !r.Link {
		return fmt.Sprintf("the schema of table %s is none that %s has, which is in mode %s", r.Table, r.Subject, r.Mode), nil
	}
	answer, err := to.Registry.CheckCompatibility(sr.WithParams(ctx, sr.Verbose), r.Subject, -1, wanted)
	var refused *sr.ResponseError
	switch {
	case errors.As(err, &refused) && refused.StatusCode < 500:
		return fmt.Sprintf("the schema of table %s: %s", r.Table, refused.Message), nil
	case err != nil:
		return "", fmt.Errorf("%s: subject %q: asking whether a schema is compatible: %w", to.Name, r.Subject, err)
	case !answer.Is:
		return fmt.Sprintf("the schema of table %s is not compatible with what %s has: %s", r.Table, r.Subject, strings.Join(answer.Messages, ", ")), nil
	}
	return "", nil
}
