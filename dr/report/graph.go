package report

// Graph is how statements and topics hang together.
type Graph struct {
	Nodes []Node `json:"nodes"` // topics and statements, each after what it depends on where there is no cycle
	Edges []Edge `json:"edges"`
}

// Node kinds.
const (
	TopicNode     = "topic"
	StatementNode = "statement"
)

// Node is a topic or a statement, with what was concluded of it.
type Node struct {
	ID      string  `json:"id"`   // "topic:flights", "statement:delays-by-hour"
	Kind    string  `json:"kind"` // TopicNode or StatementNode
	Name    string  `json:"name"`
	Outcome Outcome `json:"outcome,omitempty"` // passed, warned, failed, or unknown; "" = nothing was asked of it
	Detail  string  `json:"detail,omitempty"`  // a verdict, or where the topic comes from
	Place   Place   `json:"place,omitzero"`    // where it is declared
}

// Edge says that records go from one node to another: a topic is read, or a statement writes.
type Edge struct {
	From string `json:"from"` // node ids
	To   string `json:"to"`
}

// Rule is what a finding's rule is about, for those who meet it the first time.
type Rule struct {
	ID            string   `json:"id"`
	Title         string   `json:"title"`
	Why           string   `json:"why,omitempty"`
	Remedy        string   `json:"remedy,omitempty"`
	ActiveActive  Severity `json:"active_active,omitempty"`  // "" = does not apply, or the same everywhere
	ActivePassive Severity `json:"active_passive,omitempty"` // "" = does not apply, or the same everywhere
	Page          string   `json:"page,omitempty"`           // more of it, as paragraphs
	Wrong         string   `json:"wrong,omitempty"`          // SQL that breaks the rule
	Right         string   `json:"right,omitempty"`          // SQL of the same purpose that keeps it
}
