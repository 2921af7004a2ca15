package linking

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// grow gives a mirror topic more partitions.
func (l *Link) grow(ctx context.Context, topic string, partitions int) error {
	resp, err := l.to.Admin.UpdatePartitions(ctx, partitions, topic)
	if err == nil {
		err = resp.Error()
	}
	if err != nil {
		return fmt.Errorf("%s: topic %q: growing it to %d partitions: %w", l.to.Name, topic, partitions, err)
	}
	return nil
}

// createTogether bounds the partitions of one request that creates topics. A broker of Kafka puts what one request has created to use when
// the last of its logs is made: a thousand partitions of one request come after 3.9 s, of ten requests one after the other, in 2.4 s.
const createTogether = 100

// createTopics makes the destination topics that are missing, and learns their ids.
func (l *Link) createTopics(ctx context.Context, missing []*topicFound) error {
	for len(missing) > 0 {
		n, parts := 1, missing[0].rec.Partitions
		for n < len(missing) && parts+missing[n].rec.Partitions <= createTogether {
			parts += missing[n].rec.Partitions
			n++
		}
		if err := l.createSome(ctx, missing[:n]); err != nil {
			return err
		}
		missing = missing[n:]
	}
	return nil
}

func (l *Link) createSome(ctx context.Context, missing []*topicFound) error {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 30_000
	byName := map[string]*topicFound{}
	for _, t := range missing {
		byName[t.name] = t
		rt := kmsg.NewCreateTopicsRequestTopic()
		rt.Topic, rt.NumPartitions, rt.ReplicationFactor = t.name, int32(t.rec.Partitions), -1
		want := whileMirrored(t.rec.Configs, l.decl.Topics.Configs)
		for _, k := range sorted(want) {
			c := kmsg.NewCreateTopicsRequestTopicConfig()
			c.Name, c.Value = k, kmsg.StringPtr(want[k])
			rt.Configs = append(rt.Configs, c)
		}
		req.Topics = append(req.Topics, rt)
	}
	resp, err := req.RequestWith(ctx, l.to.Client)
	if err != nil {
		return fmt.Errorf("%s: creating mirror topics: %w", l.to.Name, err)
	}
	for _, rt := range resp.Topics {
		t, err := byName[rt.Topic], kerr.ErrorForCode(rt.ErrorCode)
		switch {
		case t == nil:
		case err == nil:
			t.rec.DestID = kadm.TopicID(rt.TopicID).String()
		case kerr.IsRetriable(err):
			return fmt.Errorf("%s: topic %q: creating the mirror: %w", l.to.Name, rt.Topic, err)
		default:
			detail := "creating the mirror topic is refused in " + l.to.Name
			if rt.ErrorMessage != nil {
				detail += " (" + *rt.ErrorMessage + ")"
			}
			code := CodeRefused
			if errors.Is(err, kerr.TopicAuthorizationFailed) || errors.Is(err, kerr.ClusterAuthorizationFailed) {
				code = CodeAuthorization
			}
			t.err = l.topicError(t.name, code, detail, "mend what the broker names, or exclude the topic; then run the link again")
			t.err.Err = err
		}
	}
	return nil
}

// alterTopic sets configs and puts others back to their defaults, all or nothing as far as the broker goes.
func (l *Link) alterTopic(ctx context.Context, name string, configs map[string]string, unset []string) error {
	var alter []kadm.AlterConfig
	for _, k := range sorted(configs) {
		v := configs[k]
		alter = append(alter, kadm.AlterConfig{Op: kadm.SetConfig, Name: k, Value: &v})
	}
	for _, k := range unset {
		alter = append(alter, kadm.AlterConfig{Op: kadm.DeleteConfig, Name: k})
	}
	resp, err := l.to.Admin.AlterTopicConfigs(ctx, alter, name)
	if err != nil {
		return fmt.Errorf("%s: topic %q: setting configs: %w", l.to.Name, name, err)
	}
	for _, r := range resp {
		if r.Err != nil {
			return fmt.Errorf("%s: topic %q: setting configs: %w %s", l.to.Name, name, r.Err, r.ErrMessage)
		}
	}
	return nil
}
