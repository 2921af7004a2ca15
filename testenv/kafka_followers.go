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

// startCluster starts a cluster of several brokers: first, and more of them. First is the controller as well, unless there are to be controllers that
// are no brokers. Everything has as many replicas as there are brokers and is written while one of them is missing, as a cluster in production has it.
func startCluster(ctx context.Context, first *kafkaBroker, more, control int) (stop func() error, err error) {
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
	var followers []*kafkaBroker
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
	if control > 0 {
		quorum, voters := controllers(first, control)
		nodes = append(nodes, quorum...)
		first.region.Controllers = map[int32]Broker{}
		for _, c := range quorum {
			first.region.Controllers[c.id] = c
		}
		configs["process.roles"], configs["controller.quorum.voters"] = "broker", voters
		if err := startControllers(ctx, quorum); err != nil {
			return stop, err
		}
	}
	if err := first.create(ctx); err != nil {
		return stop, err
	}
	for id := int32(2); int(id) <= all; id++ {
		b := &kafkaBroker{region: first.region, dir: filepath.Join(filepath.Dir(first.dir), fmt.Sprintf("%s-%d", first.region.Name, id)), options: first.options,
			cluster: first.cluster, id: id}
		b.options.Configs = maps.Clone(configs)
		maps.Copy(b.options.Configs, map[string]string{
			"process.roles": "broker",
			"node.id":       strconv.Itoa(int(id)),
			"broker.rack":   Rack(id),
		})
		if control == 0 {
			b.options.Configs["controller.quorum.voters"] = "1@" + first.listeners.Controller
		}
		nodes, followers = append(nodes, b), append(followers, b)
		first.region.Followers = append(first.region.Followers, b)
	}
	var starts errgroup.Group
	for _, b := range followers {
		starts.Go(func() error { return b.create(ctx) })
	}
	if err := starts.Wait(); err != nil {
		return stop, err
	}
	for _, b := range followers {
		first.region.Bootstrap = append(first.region.Bootstrap, b.listeners.Client)
	}
	return stop, nil
}
