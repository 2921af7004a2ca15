package linking

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Write produces records and returns when they are acknowledged, or when ctx ends. A client that writes idempotently waits for the answer to what is
// on its way for as long as that takes, whatever becomes of ctx: what it writes next could be taken for a repeat. So with ctx it is closed.
func Write(ctx context.Context, cl *kgo.Client, records ...*kgo.Record) error {
	stop := context.AfterFunc(ctx, cl.Close)
	defer stop()
	err := cl.ProduceSync(ctx, records...).FirstErr()
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// note writes records about a link to its region's links topic, outside a transaction and whoever serves the link: what is wanted of it. A region that
// takes no writes is not waited for longer than for any other record of a link.
func note(ctx context.Context, to *Region, link, doing string, records ...*kgo.Record) error {
	cl, err := kgo.NewClient(to.Client.Opts()...)
	if err != nil {
		return fmt.Errorf("%s: link %s: %w", to.Name, link, err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, storeTimeout, fmt.Errorf("topic %q takes no record within %s", LinksTopic(to.Name), storeTimeout))
	defer cancel()
	if err := Write(ctx, cl, records...); err != nil {
		return fmt.Errorf("%s: link %s: %s: %w", to.Name, link, doing, err)
	}
	return nil
}
