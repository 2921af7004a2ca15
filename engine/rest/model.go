package rest

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/lifeboat-dr/lifeboat/engine"
)

const apiVersion = "sql/v1"

// The JSON of the API, with the names of its OpenAPI file. Members that a client may leave out are pointers or omitempty.

type metadata struct {
	Self            string            `json:"self,omitempty"`
	Next            string            `json:"next,omitempty"`
	CreatedAt       *time.Time        `json:"created_at,omitempty"`
	UpdatedAt       *time.Time        `json:"updated_at,omitempty"`
	UID             string            `json:"uid,omitempty"`
	ResourceVersion string            `json:"resource_version,omitempty"`
	Labels          map[string]string `json:"labels,omitempty"`
}

type statement struct {
	APIVersion     string    `json:"api_version,omitempty"`
	Kind           string    `json:"kind,omitempty"`
	Metadata       metadata  `json:"metadata"`
	Name           string    `json:"name"`
	OrganizationID string    `json:"organization_id,omitempty"`
	EnvironmentID  string    `json:"environment_id,omitempty"`
	Spec           spec      `json:"spec"`
	Status         *status   `json:"status,omitempty"`
	Result         *struct{} `json:"result,omitempty"`
}

type spec struct {
	Statement     string     `json:"statement"`
	Properties    properties `json:"properties,omitempty"`
	ComputePoolID string     `json:"compute_pool_id,omitempty"`
	Principal     string     `json:"principal,omitempty"`
	Stopped       bool       `json:"stopped"`
}

type status struct {
	Phase                  string            `json:"phase"`
	Detail                 string            `json:"detail,omitempty"`
	Traits                 *traits           `json:"traits,omitempty"`
	LatestOffsets          map[string]string `json:"latest_offsets,omitempty"`
	LatestOffsetsTimestamp *time.Time        `json:"latest_offsets_timestamp,omitempty"`
}

type traits struct {
	SQLKind      string `json:"sql_kind,omitempty"`
	IsBounded    bool   `json:"is_bounded"`
	IsAppendOnly bool   `json:"is_append_only"`
}

type statementList struct {
	APIVersion string      `json:"api_version"`
	Kind       string      `json:"kind"`
	Metadata   metadata    `json:"metadata"`
	Data       []statement `json:"data"`
}

type exceptionList struct {
	APIVersion string      `json:"api_version"`
	Kind       string      `json:"kind"`
	Metadata   metadata    `json:"metadata"`
	Data       []exception `json:"data"`
}

type exception struct {
	Kind      string    `json:"kind"`
	Name      string    `json:"name"`
	Message   string    `json:"message"`
	Timestamp time.Time `json:"timestamp"`
}

// progress is lifeboat's own resource. Offsets have the form of latest_offsets; Watermark is absent before the first one.
type progress struct {
	Watermark *int64            `json:"watermark,omitempty"`
	Offsets   map[string]string `json:"offsets"`
	RowsIn    int64             `json:"rows_in"`
	RowsOut   int64             `json:"rows_out"`
	Commits   int64             `json:"commits"`
}

// properties is a map of strings that also reads numbers and booleans, which some clients send: they are kept as the text they
// were written with, and answered as strings.
type properties map[string]string

func (p *properties) UnmarshalJSON(data []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	*p = make(properties, len(raw))
	for k, v := range raw {
		var text string
		switch {
		case json.Unmarshal(v, &text) == nil && string(v) != "null":
		case string(v) == "true" || string(v) == "false" || isNumber(string(v)):
			text = string(v)
		default:
			return fmt.Errorf("property %q is neither a string, a number nor a boolean", k)
		}
		(*p)[k] = text
	}
	return nil
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func valueOrZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// toWire writes a statement as the API has it. Traits are absent in the phases in which the API leaves them out.
func toWire(s engine.Statement, self, org, env, pool string) statement {
	out := statement{
		APIVersion: apiVersion, Kind: "Statement", Name: s.Name, OrganizationID: org, EnvironmentID: env,
		Metadata: metadata{
			Self: self, CreatedAt: timeOrNil(s.Created), UpdatedAt: timeOrNil(s.Updated),
			UID: s.UID, ResourceVersion: s.Version, Labels: s.Labels,
		},
		Spec: spec{Statement: s.SQL, Properties: s.Properties, ComputePoolID: pool, Stopped: s.Stopped},
		Status: &status{
			Phase: string(s.Phase), Detail: s.Detail,
			LatestOffsets: s.Offsets, LatestOffsetsTimestamp: timeOrNil(s.OffsetAt),
		},
	}
	if s.Phase != engine.Pending && s.Phase != engine.Failed || s.Kind != "" {
		out.Status.Traits = &traits{SQLKind: s.Kind, IsBounded: s.Bounded, IsAppendOnly: s.AppendOnly}
	}
	return out
}

func fromWire(s statement) engine.Statement {
	out := engine.Statement{
		Spec: engine.Spec{
			Name: s.Name, SQL: s.Spec.Statement, Properties: s.Spec.Properties, Labels: s.Metadata.Labels, Stopped: s.Spec.Stopped,
		},
		UID: s.Metadata.UID, Version: s.Metadata.ResourceVersion,
		Created: valueOrZero(s.Metadata.CreatedAt), Updated: valueOrZero(s.Metadata.UpdatedAt),
	}
	if st := s.Status; st != nil {
		out.Phase, out.Detail, out.Offsets = engine.Phase(st.Phase), st.Detail, st.LatestOffsets
		out.OffsetAt = valueOrZero(st.LatestOffsetsTimestamp)
		if st.Traits != nil {
			out.Kind, out.Bounded, out.AppendOnly = st.Traits.SQLKind, st.Traits.IsBounded, st.Traits.IsAppendOnly
		}
	}
	return out
}

func progressToWire(p engine.Progress) progress {
	out := progress{Offsets: map[string]string{}, RowsIn: p.RowsIn, RowsOut: p.RowsOut, Commits: p.Commits}
	if p.Watermark != math.MinInt64 {
		out.Watermark = &p.Watermark
	}
	for topic, offsets := range p.Offsets {
		out.Offsets[topic] = engine.FormatOffsets(offsets)
	}
	return out
}

func progressFromWire(p progress) (engine.Progress, error) {
	out := engine.Progress{
		Watermark: math.MinInt64, Offsets: map[string]map[int32]int64{},
		RowsIn: p.RowsIn, RowsOut: p.RowsOut, Commits: p.Commits,
	}
	if p.Watermark != nil {
		out.Watermark = *p.Watermark
	}
	for topic, text := range p.Offsets {
		offsets, err := engine.ParseOffsets(text)
		if err != nil {
			return engine.Progress{}, fmt.Errorf("topic %q: %w", topic, err)
		}
		out.Offsets[topic] = offsets
	}
	return out, nil
}
