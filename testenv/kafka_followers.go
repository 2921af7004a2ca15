package testenv

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Rack is the rack of a broker in a cluster of several; Region.Broker is broker 1.
func Rack(id int32) string { return fmt.Sprintf("rack-%d", id) }

// startFollowers starts a cluster of several brokers: first, which is the controller as well, and more that are brokers only. Everything has
// as many replicas as there are brokers and is written while one of them is missing, as a cluster in production has it.
func startFollowers(ctx context.Context, first *kafkaBroker, more int) (stop func() error, err error) {
	all := 1 + more
	replicas, least := strconv.Itoa(all), strconv.Itoa(max(1, all-1))
	configs := map[string]string{
		"default.replication.factor":                       replicas,
		"min.insync.replicas":                              least,
		"offsets.topic.replication.factor":                 replicas,
		"transaction.state.log.replication.factor":         replicas,
		"transaction.state.log.min.isr":                    least,
		"share.coordinator.state.topic.replication.factor": replicas,
		"share.coordinator.state.topic.min.isr":            least,
		"replica.lag.time.max.ms":                          "3000", // a follower that is stopped is left behind soon
		"replica.selector.class":                           "org.apache.kafka.common.replica.RackAwareReplicaSelector",
		"broker.rack":                                      Rack(1),
	}
	maps.Copy(configs, first.options.Configs)
	first.options.Configs = configs
	nodes := []*kafkaBroker{first}
	stop = sync.OnceValue(func() error {
		var errs []error
		for _, b := range nodes {
			errs = append(errs, b.Kill())
		}
		return errors.Join(errs...)
	})
	if len(first.options.Users) > 0 || first.options.TLS != nil {
		return stop, fmt.Errorf("several brokers with users or TLS: %w", ErrNotSupported)
	}
	if err := first.create(ctx); err != nil {
		return stop, err
	}
	for id := int32(2); int(id) <= all; id++ {
		b := &kafkaBroker{region: first.region, dir: filepath.Join(filepath.Dir(first.dir), fmt.Sprintf("%s-%d", first.region.Name, id)), options: first.options,
			cluster: first.cluster, id: id}
		b.options.Configs = maps.Clone(configs)
		maps.Copy(b.options.Configs, map[string]string{
			"process.roles":            "broker",
			"node.id":                  strconv.Itoa(int(id)),
			"broker.rack":              Rack(id),
			"controller.quorum.voters": "1@" + first.listeners.Controller,
		})
		nodes = append(nodes, b)
		first.region.Followers = append(first.region.Followers, b)
	}
	var starts errgroup.Group
	for _, b := range nodes[1:] {
		starts.Go(func() error { return b.create(ctx) })
	}
	if err := starts.Wait(); err != nil {
		return stop, err
	}
	for _, b := range nodes[1:] {
		first.region.Bootstrap = append(first.region.Bootstrap, b.listeners.Client)
	}
	return stop, nil
}
