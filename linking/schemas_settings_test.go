package linking_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/linking"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// checked is a rule set of one rule.
func checked(expr string) *sr.SchemaRuleSet {
	return &sr.SchemaRuleSet{DomainRules: []sr.SchemaRule{{Name: "checked", Kind: sr.SchemaRuleKindCondition, Mode: sr.SchemaRuleModeWrite, Type: "CEL",
		Tags: []string{"PII"}, Params: map[string]string{"k": "v"}, Expr: expr, OnFailure: "DLQ"}}}
}

// Whatever a subject has configured besides its level is in force in the destination too, and follows where it changes.
func TestConfigurationOfSubjectsIsCopied(t *testing.T) {
	p, _ := schemaPair(t)
	p.decl.Subjects.Rule = plans.Rule{Include: []string{"orders-.*"}}
	ctx := t.Context()
	owned := func(by string) *sr.SchemaMetadata {
		return &sr.SchemaMetadata{Properties: map[string]string{"owner": by}, Tags: map[string][]string{"**.card": {"PII"}}, Sensitive: []string{"owner"}}
	}
	register(t, p.east.Registry, "orders-value", sr.Schema{Schema: `"long"`})
	register(t, p.east.Registry, "orders-alias", sr.Schema{Schema: `"long"`})
	for _, c := range []struct {
		name    string
		subject string
		set     sr.SetCompatibility
	}{
		{"metadata", "orders-value", sr.SetCompatibility{Level: sr.CompatFull, DefaultMetadata: owned("shop"), OverrideMetadata: owned("law")}},
		{"rules", "orders-value", sr.SetCompatibility{Level: sr.CompatFull, DefaultRuleSet: checked("amount > 0"), OverrideRuleSet: checked("amount > 1")}},
		{"another rule", "orders-value", sr.SetCompatibility{Level: sr.CompatFull, DefaultRuleSet: checked("amount > 2")}},
		{"normalize, and a group", "orders-value", sr.SetCompatibility{Level: sr.CompatBackward, Normalize: true, Group: "application.major.version"}},
		{"an alias", "orders-alias", sr.SetCompatibility{Level: sr.CompatBackward, Alias: "orders-value"}},
	} {
		for _, r := range p.east.Registry.SetCompatibility(ctx, c.set, c.subject) {
			must(t, r.Err)
		}
		_, err := p.link().Subjects().Sync(ctx)
		must(t, err)
		want, got := p.east.Registry.Compatibility(ctx, c.subject)[0], p.west.Registry.Compatibility(ctx, c.subject)[0]
		must(t, want.Err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-east +west):\n%s", c.name, diff)
		}
	}
}

// Metadata and rule sets of schemas are copied as they are.
func TestMetadataAndRuleSetsAreCopied(t *testing.T) {
	p, _ := schemaPair(t)
	ctx := t.Context()
	for i, s := range []sr.Schema{
		{Schema: record(1, 0), SchemaMetadata: &sr.SchemaMetadata{Properties: map[string]string{"owner": "shop"}, Tags: map[string][]string{"Order.card": {"PII"}}, Sensitive: []string{"owner"}}},
		{Schema: record(1, 0), SchemaMetadata: &sr.SchemaMetadata{Properties: map[string]string{"owner": "law"}}}, // the same text
		{Schema: record(1, 0), SchemaRuleSet: &sr.SchemaRuleSet{DomainRules: checked("amount > 0").DomainRules, MigrationRules: []sr.SchemaRule{{Name: "up",
			Kind: sr.SchemaRuleKindTransform, Mode: sr.SchemaRuleModeUpgrade, Type: "JSONATA", Tags: []string{}, Expr: "$"}}}},
	} {
		_, err := p.east.Registry.RegisterSchema(ctx, "orders-value", s, -1, i+1)
		must(t, err)
	}
	rep, err := p.link().Subjects().Sync(ctx)
	must(t, err)
	if rep.Imported != 3 {
		t.Errorf("%d versions imported, want 3: %+v", rep.Imported, rep)
	}
	p.sameVersions("orders-value", 3)
}

// sameVersions wants both registries to have the same versions of a subject, with all that belongs to them.
func (p *pair) sameVersions(subject string, n int) {
	p.t.Helper()
	for v := 1; v <= n; v++ {
		want, err := p.east.Registry.SchemaByVersion(p.t.Context(), subject, v)
		must(p.t, err)
		got, err := p.west.Registry.SchemaByVersion(p.t.Context(), subject, v)
		must(p.t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			p.t.Errorf("%s version %d (-east +west):\n%s", subject, v, diff)
		}
	}
}

// Schemas of Protobuf and JSON Schema that refer to others, over several steps, come in order and with the same references.
func TestReferencesOfProtobufAndJSONSchema(t *testing.T) {
	p, _ := schemaPair(t)
	p.decl.Subjects.Rule = plans.Rule{Include: []string{"orders-.*", "proto/.*", "json-.*"}}
	east := p.east.Registry
	ref := func(name, subject string, version int) sr.SchemaReference {
		return sr.SchemaReference{Name: name, Subject: subject, Version: version}
	}
	register(t, east, "moves-the-ids-on", sr.Schema{Schema: `"int"`})
	register(t, east, "proto/money.proto", sr.Schema{Type: sr.TypeProtobuf, Schema: "syntax = \"proto3\";\npackage shop;\nmessage Money { int64 cents = 1; }"})
	register(t, east, "proto/money.proto", sr.Schema{Type: sr.TypeProtobuf, Schema: "syntax = \"proto3\";\npackage shop;\nmessage Money { int64 cents = 1; string currency = 2; }"})
	register(t, east, "proto/line.proto", sr.Schema{Type: sr.TypeProtobuf, Schema: "syntax = \"proto3\";\npackage shop;\nimport \"money.proto\";\nmessage Line { Money price = 1; }",
		References: []sr.SchemaReference{ref("money.proto", "proto/money.proto", 1)}})
	register(t, east, "orders-proto", sr.Schema{Type: sr.TypeProtobuf, Schema: "syntax = \"proto3\";\npackage shop;\nimport \"line.proto\";\nimport \"money.proto\";\nmessage Order { repeated Line lines = 1; Money total = 2; }",
		References: []sr.SchemaReference{ref("line.proto", "proto/line.proto", 1), ref("money.proto", "proto/money.proto", 2)}})
	register(t, east, "json-address", sr.Schema{Type: sr.TypeJSON, Schema: `{"$id":"address.json","type":"object","properties":{"city":{"type":"string"}}}`})
	register(t, east, "orders-json", sr.Schema{Type: sr.TypeJSON, Schema: `{"type":"object","properties":{"to":{"$ref":"address.json"}}}`,
		References: []sr.SchemaReference{ref("address.json", "json-address", 1)}})
	rep, err := p.link().Subjects().Sync(t.Context())
	must(t, err)
	if rep.Imported != 6 {
		t.Errorf("%d versions imported, want 6: %+v", rep.Imported, rep)
	}
	for subject, n := range map[string]int{"proto/money.proto": 2, "proto/line.proto": 1, "orders-proto": 1, "json-address": 1, "orders-json": 1} {
		p.sameVersions(subject, n)
	}
}

// A subject that is read-only in the source is so in the destination once it is promoted, whether the source's registry can still be asked or not.
func TestReadOnlySubjectsStaySo(t *testing.T) {
	for name, gone := range map[string]bool{"the source answers": false, "the source is gone": true} {
		t.Run(name, func(t *testing.T) {
			p, _ := schemaPair(t)
			ctx := t.Context()
			for _, subject := range []string{"orders-closed", "orders-open"} {
				register(t, p.east.Registry, subject, sr.Schema{Schema: record(1, 0)})
			}
			for _, r := range p.east.Registry.SetMode(ctx, sr.ModeReadOnly, "orders-closed") {
				must(t, r.Err)
			}
			subjects := linking.New(p.decl, p.east, p.west, linking.Options{}).Subjects()
			_, err := subjects.Sync(ctx)
			must(t, err)
			if gone {
				must(t, p.env.East.RegistryServer.Stop())
			}
			must(t, subjects.Promote(ctx, []string{"orders-closed", "orders-open"}))
			for subject, want := range map[string]string{"orders-closed": "READONLY", "orders-open": "READWRITE"} {
				if got := subjectModeOf(t, p.env.West, subject); got != want {
					t.Errorf("%s is %s after promotion, want %s", subject, got, want)
				}
				_, err := p.west.Registry.CreateSchema(ctx, subject, sr.Schema{Schema: record(1, 1)})
				if (err == nil) != (want == "READWRITE") {
					t.Errorf("registering a schema of %s: %v", subject, err)
				}
			}
		})
	}
}
