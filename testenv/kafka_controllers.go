package testenv

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// firstController is the node id of the first of a region's controllers that are no brokers.
const firstController = 101

// controllers are the nodes of a quorum of their own, with the ports that every node of the cluster has to know before one starts.
func controllers(of *kafkaBroker, n int) (nodes []*kafkaBroker, voters string) {
	var list []string
	for i := range n {
		id := int32(firstController + i)
		c := &kafkaBroker{region: of.region, release: of.release, dir: filepath.Join(filepath.Dir(of.dir), fmt.Sprintf("%s-%d", of.region.Name, id)), options: of.options,
			cluster: of.cluster, id: id, controls: true, listeners: kafkaListeners()}
		list = append(list, fmt.Sprintf("%d@%s", id, c.listeners.Controller))
		nodes = append(nodes, c)
	}
	voters = strings.Join(list, ",")
	for _, c := range nodes {
		c.options.Configs = maps.Clone(of.options.Configs)
		maps.Copy(c.options.Configs, map[string]string{
			"process.roles":                         "controller",
			"node.id":                               strconv.Itoa(int(c.id)),
			"controller.quorum.voters":              voters,
			"listeners":                             "CONTROLLER://" + c.listeners.Controller,
			"advertised.listeners":                  "",
			"inter.broker.listener.name":            "",
			"broker.rack":                           "",
			"replica.selector.class":                "",
			"broker.session.timeout.ms":             "3000",
			"controller.quorum.election.timeout.ms": "500",
			"controller.quorum.fetch.timeout.ms":    "1000",
		})
		c.options.HeapMiB = 128
	}
	return nodes, voters
}

// startControllers starts them together: one alone does nothing.
func startControllers(ctx context.Context, nodes []*kafkaBroker) error {
	var starts errgroup.Group
	for _, c := range nodes {
		starts.Go(func() error {
			if err := c.format(ctx, c.listeners); err != nil {
				return err
			}
			return c.Start(ctx)
		})
	}
	return starts.Wait()
}

// listens returns when somebody listens at an address, or when exited, closed, says that nobody ever will.
func listens(ctx context.Context, exited <-chan struct{}, address string) error {
	var d net.Dialer
	for {
		conn, err := d.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-exited:
			return errors.New("the process ended")
		case <-ctx.Done():
			return fmt.Errorf("no answer: %w", errors.Join(err, ctx.Err()))
		case <-time.After(30 * time.Millisecond):
		}
	}
}
