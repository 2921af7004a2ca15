package each_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/lifeboat-dr/lifeboat/testenv"
	"github.com/lifeboat-dr/lifeboat/testenv/each"
)

func checkUsers(t *testing.T, env *testenv.Env) {
	ctx, r := t.Context(), env.East
	refused := func(err error) bool {
		if env.Kind == "embedded" {
			return errors.Is(err, io.EOF) // kfake closes the connection without an answer
		}
		return errors.Is(err, kerr.SaslAuthenticationFailed)
	}
	topic := each.Name(t, "flights")
	each.Topic(t, r, topic, 1)
	for _, c := range []struct {
		name string
		as   sasl.Mechanism
		ok   bool
	}{
		{"plain", plain.Auth{User: "flights-app", Pass: "app-secret"}.AsMechanism(), true},
		{"SCRAM-SHA-256", scram.Auth{User: "flights-app", Pass: "app-secret"}.AsSha256Mechanism(), true},
		{"SCRAM-SHA-512", scram.Auth{User: "flights-app", Pass: "app-secret"}.AsSha512Mechanism(), true},
		{"plain, wrong password", plain.Auth{User: "flights-app", Pass: "x"}.AsMechanism(), false},
		{"SCRAM-SHA-512, wrong password", scram.Auth{User: "flights-app", Pass: "x"}.AsSha512Mechanism(), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := each.Client(t, r, kgo.SASL(c.as))
			_, err := kadm.NewClient(cl).BrokerMetadata(ctx)
			if c.ok && err != nil || !c.ok && !refused(err) {
				t.Errorf("connecting: %v", err)
			}
		})
	}

	app := each.Client(t, r, kgo.SASL(plain.Auth{User: "flights-app", Pass: "app-secret"}.AsMechanism()),
		kgo.DefaultProduceTopic(topic), kgo.RecordRetries(0), kgo.UnknownTopicRetries(1))
	write := func() error { return app.ProduceSync(ctx, kgo.StringRecord("v")).FirstErr() }
	if err := write(); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("writing without a right: %v", err)
	}
	grant := kadm.NewACLs().Topics(topic).ResourcePatternType(kmsg.ACLResourcePatternTypeLiteral).
		Operations(kmsg.ACLOperationWrite).Allow("User:flights-app").AllowHosts("*")
	created, err := kadm.NewClient(each.Client(t, r)).CreateACLs(ctx, grant)
	if err != nil || len(created) != 1 || created[0].Err != nil {
		t.Fatalf("granting: %v %+v", err, created)
	}
	// A broker learns of a grant a moment after it is answered.
	deadline, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for err = write(); err != nil; err = write() {
		if deadline.Err() != nil {
			t.Fatalf("writing with the right: %v", err)
		}
	}
}
