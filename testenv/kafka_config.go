package testenv

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// mechanisms are the SASL mechanisms that a region with Users takes. Kafka takes OAUTHBEARER too, with tokens that nobody has signed
// (alg none) and that name the user as sub.
var mechanisms = []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}

const bearer = "OAUTHBEARER"

// KafkaListeners says where a one-node KRaft cluster listens, and what it tells clients to connect to.
type KafkaListeners struct {
	Client, Controller, Internal string // host:port to listen on; Internal is for the broker itself and only used with Users or TLS
	Advertised                   string // host:port that clients are told
}

// KafkaProperties is the server.properties of a one-node cluster, for StartKafka and for containers: the smallest number of
// internal partitions, no automatic topics, no waiting for group members, sessions that end fast, and o.Configs over all.
// With o.Users, clients must authenticate and StandardAuthorizer is on; the broker talks to itself on a listener of its own.
func KafkaProperties(l KafkaListeners, dataDir string, o Options) string {
	p := map[string]string{
		"process.roles":                                    "broker,controller",
		"node.id":                                          "1",
		"controller.quorum.voters":                         "1@" + l.Controller,
		"listeners":                                        "CLIENT://" + l.Client + ",CONTROLLER://" + l.Controller,
		"advertised.listeners":                             "CLIENT://" + l.Advertised,
		"controller.listener.names":                        "CONTROLLER",
		"inter.broker.listener.name":                       "CLIENT",
		"listener.security.protocol.map":                   "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
		"log.dirs":                                         dataDir,
		"num.partitions":                                   "1",
		"auto.create.topics.enable":                        "false",
		"offsets.topic.replication.factor":                 "1",
		"offsets.topic.num.partitions":                     "5",
		"transaction.state.log.replication.factor":         "1",
		"transaction.state.log.min.isr":                    "1",
		"transaction.state.log.num.partitions":             "5",
		"share.coordinator.state.topic.replication.factor": "1",
		"share.coordinator.state.topic.min.isr":            "1",
		"group.initial.rebalance.delay.ms":                 "0",
		"group.min.session.timeout.ms":                     "100",
		"log.cleaner.backoff.ms":                           "500", // 15 s by default
		// After SIGKILL the controller refuses the broker until its old session is over: 9 s by default.
		"broker.session.timeout.ms":    "3000",
		"broker.heartbeat.interval.ms": "500",
	}
	if len(o.Users) > 0 || o.TLS != nil {
		p["listeners"] = fmt.Sprintf("CLIENT://%s,INTERNAL://%s,CONTROLLER://%s", l.Client, l.Internal, l.Controller)
		p["advertised.listeners"] = fmt.Sprintf("CLIENT://%s,INTERNAL://%s", l.Advertised, l.Internal)
		p["listener.security.protocol.map"] = "CLIENT:" + protocol(o) + ",INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"
		p["inter.broker.listener.name"] = "INTERNAL"
	}
	if len(o.Users) > 0 {
		p["listener.name.client.sasl.enabled.mechanisms"] = strings.Join(append(slices.Clone(mechanisms), bearer), ",")
		p["authorizer.class.name"] = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
		super := []string{"User:ANONYMOUS"} // the broker itself, on INTERNAL and CONTROLLER
		var plain strings.Builder
		plain.WriteString("org.apache.kafka.common.security.plain.PlainLoginModule required")
		for _, u := range o.Users {
			fmt.Fprintf(&plain, " user_%s=%q", u.Name, u.Password)
			if u.Super {
				super = append(super, "User:"+u.Name)
			}
		}
		p["listener.name.client.plain.sasl.jaas.config"] = plain.String() + ";"
		for _, m := range mechanisms[1:] {
			p["listener.name.client."+strings.ToLower(m)+".sasl.jaas.config"] = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
		}
		p["listener.name.client.oauthbearer.sasl.jaas.config"] = `org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`
		p["super.users"] = strings.Join(super, ";")
	}
	maps.Copy(p, o.Configs)
	if p["process.roles"] == "broker" {
		p["listeners"] = "CLIENT://" + l.Client
	}
	maps.DeleteFunc(p, func(_, v string) bool { return v == "" })
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(p)) {
		// In a properties file a backslash escapes.
		fmt.Fprintf(&b, "%s=%s\n", k, strings.ReplaceAll(p[k], `\`, `\\`))
	}
	return b.String()
}

// protocol is how clients connect.
func protocol(o Options) string {
	switch {
	case o.TLS == nil:
		return "SASL_PLAINTEXT"
	case len(o.Users) == 0:
		return "SSL"
	}
	return "SASL_SSL"
}
