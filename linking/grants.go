package linking

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Grant is one right that a link needs, and what for.
type Grant struct {
	Region string
	ACL    ACL
	For    string
	Spare  bool // the link does without, with what For says lost
}

// Grants lists the rights that a link needs on both sides for what it is declared to do, as StandardAuthorizer checks them: with just these
// and no others it runs. source and destination are the link's principals there, such as User:lifeboat. A pattern that is more than a name or
// a prefix is granted as the longest prefix that its names have in common, because ACLs know no more.
func Grants(link *plans.Link, source, destination string) []Grant {
	g := &grants{link: link}
	g.region, g.principal = link.From, source
	topics, groups := resources(prefixed(link.StripPrefix, link.Topics.Include)), resources(link.Groups.Include)
	g.on(kmsg.ACLResourceTypeTopic, topics, "reading records, log bounds and leader epochs", kmsg.ACLOperationRead)
	g.on(kmsg.ACLResourceTypeTopic, topics, "copying topic configs", kmsg.ACLOperationDescribeConfigs)
	g.on(kmsg.ACLResourceTypeGroup, groups, "reading the groups' positions", kmsg.ACLOperationDescribe)
	if len(link.ACLs.Include) > 0 {
		g.cluster("listing ACLs and SCRAM users", kmsg.ACLOperationDescribe)
		g.spare("listing quotas: without it none are copied", kmsg.ACLOperationDescribeConfigs)
	}

	g.region, g.principal = link.To, destination
	topics = resources(prefixed(link.Prefix, link.Topics.Include))
	g.on(kmsg.ACLResourceTypeTopic, topics, "creating mirror topics", kmsg.ACLOperationCreate)
	g.on(kmsg.ACLResourceTypeTopic, topics, "writing mirrored records", kmsg.ACLOperationWrite)
	g.on(kmsg.ACLResourceTypeTopic, topics, "comparing what is mirrored, and where a producer stands", kmsg.ACLOperationRead)
	g.on(kmsg.ACLResourceTypeTopic, topics, "letting the log start follow the source's", kmsg.ACLOperationDelete)
	g.on(kmsg.ACLResourceTypeTopic, topics, "adding partitions", kmsg.ACLOperationAlter)
	g.on(kmsg.ACLResourceTypeTopic, topics, "a mirror's configs, and the source's at promotion", kmsg.ACLOperationAlterConfigs)
	g.on(kmsg.ACLResourceTypeTopic, topics, "seeing configs that have drifted", kmsg.ACLOperationDescribeConfigs)
	own := []resource{{LinksTopic(link.To), kmsg.ACLResourcePatternTypeLiteral}}
	g.on(kmsg.ACLResourceTypeTopic, own, "what the link remembers", kmsg.ACLOperationCreate, kmsg.ACLOperationRead, kmsg.ACLOperationWrite)
	pattern := kmsg.ACLResourcePatternTypeLiteral
	if link.Tasks > 1 {
		pattern = kmsg.ACLResourcePatternTypePrefixed // every task has its own
	}
	for _, role := range []string{"links", "gaps", "data"} {
		g.on(kmsg.ACLResourceTypeTransactionalId, []resource{{"lifeboat." + link.Name + "." + role, pattern}},
			"fencing older processes of this link", kmsg.ACLOperationWrite)
	}
	if link.Tasks > 1 {
		g.on(kmsg.ACLResourceTypeTopic, []resource{{TasksTopic(link.To, link.Name), kmsg.ACLResourcePatternTypeLiteral}}, "dividing the link's tasks among processes",
			kmsg.ACLOperationCreate, kmsg.ACLOperationRead, kmsg.ACLOperationAlter)
		g.on(kmsg.ACLResourceTypeGroup, []resource{{TasksGroup(link.Name), kmsg.ACLResourcePatternTypeLiteral}}, "dividing the link's tasks among processes", kmsg.ACLOperationRead)
	}
	if link.Translates() {
		g.on(kmsg.ACLResourceTypeTransactionalId, []resource{{writerPrefix(link.Name), kmsg.ACLResourcePatternTypePrefixed}},
			"fencing older writers of translated partitions", kmsg.ACLOperationWrite)
	}
	g.on(kmsg.ACLResourceTypeGroup, groups, "writing the groups' positions", kmsg.ACLOperationRead)
	g.on(kmsg.ACLResourceTypeGroup, groups, "removing positions that the source has removed", kmsg.ACLOperationDelete)
	switch {
	case len(link.ACLs.Include) > 0:
		g.cluster("listing ACLs and SCRAM users", kmsg.ACLOperationDescribe)
		g.cluster("creating and removing ACLs; markers in bulk", kmsg.ACLOperationAlter)
		g.spare("listing quotas: without it none are copied; offsets.retention.minutes", kmsg.ACLOperationDescribeConfigs)
		g.spare("setting quotas: without it none are copied", kmsg.ACLOperationAlterConfigs)
	case link.Gaps != "fenced":
		g.spare("markers in bulk: without it long gaps are filled with transactions, which is slower", kmsg.ACLOperationAlter)
	}
	if len(groups) > 0 && len(link.ACLs.Include) == 0 {
		g.spare("offsets.retention.minutes: without it Kafka's default of 7 days is taken", kmsg.ACLOperationDescribeConfigs)
	}
	return g.list
}

// grants collects.
type grants struct {
	link              *plans.Link
	region, principal string
	list              []Grant
}

// resource is what an ACL names.
type resource struct {
	name    string
	pattern kmsg.ACLResourcePatternType
}

func (g *grants) on(kind kmsg.ACLResourceType, names []resource, reason string, ops ...kmsg.ACLOperation) {
	for _, n := range names {
		for _, op := range ops {
			g.list = append(g.list, Grant{Region: g.region, For: reason, ACL: ACL{Principal: g.principal, Host: "*", Resource: kind, Name: n.name, Pattern: n.pattern,
				Operation: op, Permission: kmsg.ACLPermissionTypeAllow}})
		}
	}
}

const kafkaCluster = "kafka-cluster" // what a broker calls the cluster as a resource

func (g *grants) cluster(reason string, op kmsg.ACLOperation) {
	g.on(kmsg.ACLResourceTypeCluster, []resource{{kafkaCluster, kmsg.ACLResourcePatternTypeLiteral}}, reason, op)
}

func (g *grants) spare(reason string, op kmsg.ACLOperation) {
	g.cluster(reason, op)
	g.list[len(g.list)-1].Spare = true
}

// prefixed are the patterns of names with a prefix.
func prefixed(prefix string, patterns []string) []string {
	if prefix == "" {
		return patterns
	}
	list := make([]string, len(patterns))
	for i, p := range patterns {
		list[i] = regexp.QuoteMeta(prefix) + "(?:" + p + ")"
	}
	return list
}

// resources are the narrowest names and prefixes that hold everything that patterns match, without those that others hold.
func resources(patterns []string) []resource {
	var list []resource
	for _, p := range patterns {
		list = append(list, resourceOf(p))
	}
	holds := func(a, b resource) bool {
		return a != b && (a.name == "*" && a.pattern == kmsg.ACLResourcePatternTypeLiteral || a.pattern == kmsg.ACLResourcePatternTypePrefixed && strings.HasPrefix(b.name, a.name))
	}
	var out []resource
	for _, b := range list {
		if !slices.ContainsFunc(list, func(a resource) bool { return holds(a, b) }) && !slices.Contains(out, b) {
			out = append(out, b)
		}
	}
	return out
}

// resourceOf is the resource that holds everything an anchored pattern matches. Patterns of a topology are valid.
func resourceOf(pattern string) resource {
	everything := resource{"*", kmsg.ACLResourcePatternTypeLiteral}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return everything
	}
	if parsed, err := syntax.Parse(pattern, syntax.Perl); err == nil && (parsed.Op == syntax.OpBeginText || parsed.Op == syntax.OpConcat && parsed.Sub[0].Op == syntax.OpBeginText) {
		re, err = regexp.Compile(strings.TrimPrefix(strings.TrimPrefix(pattern, "^"), `\A`)) // an anchor that is there anyway hides the prefix
		if err != nil {
			return everything
		}
	}
	prefix, whole := re.LiteralPrefix()
	switch {
	case whole && prefix != "":
		return resource{prefix, kmsg.ACLResourcePatternTypeLiteral}
	case prefix != "":
		return resource{prefix, kmsg.ACLResourcePatternTypePrefixed}
	}
	return everything
}

// GrantCommands are the kafka-acls commands that give rights in one region, one for each resource. bootstrap and a client's properties file
// are left to be filled in as $BOOTSTRAP and admin.properties.
func GrantCommands(region string, list []Grant) []string {
	type key struct {
		principal string
		kind      kmsg.ACLResourceType
		resource  resource
	}
	var order []key
	ops := map[key][]string{}
	for _, g := range list {
		if g.Region != region {
			continue
		}
		k := key{g.ACL.Principal, g.ACL.Resource, resource{g.ACL.Name, g.ACL.Pattern}}
		if ops[k] == nil {
			order = append(order, k)
		}
		ops[k] = append(ops[k], operationWord(g.ACL.Operation))
	}
	var commands []string
	for _, k := range order {
		words := []string{"kafka-acls", "--bootstrap-server", `"$` + BootstrapVariable(region) + `"`, "--command-config", "admin.properties", "--add",
			"--allow-principal", shellWord(k.principal)}
		for _, op := range ops[k] {
			words = append(words, "--operation", op)
		}
		switch k.kind {
		case kmsg.ACLResourceTypeTopic:
			words = append(words, "--topic", shellWord(k.resource.name))
		case kmsg.ACLResourceTypeGroup:
			words = append(words, "--group", shellWord(k.resource.name))
		case kmsg.ACLResourceTypeTransactionalId:
			words = append(words, "--transactional-id", shellWord(k.resource.name))
		case kmsg.ACLResourceTypeCluster:
			words = append(words, "--cluster")
		}
		if k.resource.pattern == kmsg.ACLResourcePatternTypePrefixed {
			words = append(words, "--resource-pattern-type", "prefixed")
		}
		commands = append(commands, strings.Join(words, " "))
	}
	return commands
}

// operationWord is an operation as kafka-acls takes it: DescribeConfigs.
func operationWord(op kmsg.ACLOperation) string {
	var b strings.Builder
	for _, word := range strings.Split(op.String(), "_") {
		b.WriteString(word[:1] + strings.ToLower(word[1:]))
	}
	return b.String()
}

// BootstrapVariable is the shell variable that stands for a region's brokers.
func BootstrapVariable(region string) string {
	return regexp.MustCompile(`[^A-Z0-9]`).ReplaceAllString(strings.ToUpper(region), "_") + "_BOOTSTRAP"
}

// String is the grant with its reason.
func (g Grant) String() string { return fmt.Sprintf("%s: %v: %s", g.Region, g.ACL, g.For) }
