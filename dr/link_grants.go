package dr

import (
	"fmt"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/dr/report"
	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// GrantsOptions say whose rights are listed.
type GrantsOptions struct {
	Link      string // "" = the one from the primary
	Back      bool   // of the link that leads back, which link reverse begins
	Principal string // in both regions; "" = who lifeboat.yaml logs in as
	Getenv    func(string) (string, bool)
	ReadFile  func(string) ([]byte, error)
}

// LinkGrants reports the rights that a link needs on both sides, from the topology alone: no region is asked. Text is what a shell takes. A link that
// was created is known to a World only: its Declared has it.
func LinkGrants(d *plans.Declared, o GrantsOptions, now time.Time) (*report.Report, error) {
	decl, err := (&World{Declared: d}).Link(o.Link)
	if err != nil {
		return nil, err
	}
	if o.Back {
		if decl, _, err = plans.Back(decl, d.Topology.Links); err != nil {
			return nil, err
		}
	}
	who := map[string]string{}
	for _, region := range []string{decl.From, decl.To} {
		if who[region] = o.Principal; who[region] != "" {
			continue
		}
		if who[region], err = principal(d.Topology.Regions[region], o); err != nil {
			return nil, fmt.Errorf("%s: who the link is there: %w", region, err)
		}
	}
	list := linking.Grants(decl, who[decl.From], who[decl.To])
	rep := &report.Report{Command: "link grants", Title: fmt.Sprintf("rights that link %s needs", decl.Name), Outcome: report.Done, Start: now, End: now,
		Summary: fmt.Sprintf("%s as %s in %s, and as %s in %s", counted(len(list), "grant"), who[decl.From], decl.From, who[decl.To], decl.To)}
	var text strings.Builder
	for _, region := range []string{decl.From, decl.To} {
		fmt.Fprintf(&text, "# %s\n%s=%s\n", region, linking.BootstrapVariable(region), strings.Join(d.Topology.Regions[region].Kafka.Bootstrap, ","))
		for _, command := range linking.GrantCommands(region, list) {
			text.WriteString(command + "\n")
		}
	}
	for _, g := range list {
		rep.Grants = append(rep.Grants, report.Grant{Region: g.Region, Principal: g.ACL.Principal, Host: g.ACL.Host, ResourceType: g.ACL.Resource.String(),
			ResourceName: g.ACL.Name, PatternType: g.ACL.Pattern.String(), Operation: g.ACL.Operation.String(), Permission: g.ACL.Permission.String(),
			For: g.For, Optional: g.Spare})
	}
	rep.Text = text.String()
	return rep, nil
}

// principal is who lifeboat is in a region, as its brokers name who logs in by SASL (KIP-12).
func principal(r *plans.Region, o GrantsOptions) (string, error) {
	if r.Kafka.SASL == nil {
		if r.Kafka.TLS != nil {
			return "", fmt.Errorf("it connects by TLS alone: a certificate's principal depends on the brokers' ssl.principal.mapping.rules")
		}
		return "User:ANONYMOUS", nil
	}
	name, err := r.Kafka.SASL.Username.Resolve(o.Getenv, o.ReadFile)
	if err != nil {
		return "", err
	}
	if name == "" || r.Kafka.SASL.Mechanism == "AWS_MSK_IAM" {
		return "", fmt.Errorf("it logs in by %s, and its brokers say who that is", r.Kafka.SASL.Mechanism)
	}
	return "User:" + name, nil
}
