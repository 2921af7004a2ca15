//go:build unix

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/twmb/avro"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/lifeboat-dr/lifeboat/engine"
	"github.com/lifeboat-dr/lifeboat/testenv"
)

const bidsTable = "CREATE TABLE bids (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, `at` TIMESTAMP(3), extra STRING) " +
	"DISTRIBUTED INTO %d BUCKETS WITH ('kafka.retention.time' = '0')"

// write declares the table of bids and fills it: 10,000 bids a second of event time, half of them on a hot auction, the others on one of the 6,600 auctions that are open
// at a time. The same rows come out each time.
func write(ctx context.Context, b engine.Backend, region *testenv.Region, rows, partitions int) (bytes int64, err error) {
	if _, err := b.Create(ctx, engine.Spec{Name: "ddl-bids", SQL: fmt.Sprintf(bidsTable, partitions)}); err != nil {
		return 0, err
	}
	registry, err := sr.NewClient(sr.URLs(region.Registry))
	if err != nil {
		return 0, err
	}
	registered, err := registry.SchemaByVersion(ctx, "bids-value", -1)
	if err != nil {
		return 0, err
	}
	schema, err := avro.Parse(registered.Schema.Schema)
	if err != nil {
		return 0, err
	}
	client, err := region.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerLinger(5*time.Millisecond), kgo.MaxBufferedRecords(100_000))
	if err != nil {
		return 0, err
	}
	defer client.Close()
	random := rand.New(rand.NewPCG(1, 2))
	head := binary.BigEndian.AppendUint32([]byte{0}, uint32(registered.ID))
	channels := []string{"Google", "Facebook", "Baidu", "Apple", "channel-1234"}
	begin := time.Now().Add(-time.Duration(rows) * 100 * time.Microsecond).UnixMilli()
	failed := make(chan error, 1)
	for i := range rows {
		at := begin + int64(i)/10
		auction := 1000 + int64(i)/1000
		if i%2 == 1 {
			auction += random.Int64N(6600)
		}
		channel := channels[random.IntN(len(channels))]
		value, err := schema.AppendEncode(head[:len(head):len(head)], map[string]any{
			"auction": auction, "bidder": 1000 + random.Int64N(100_000), "price": 100 + random.Int64N(10_000_000), "channel": channel,
			"url": fmt.Sprintf("https://www.nexmark.com/%s/item.htm?query=1&channel_id=%d", channel, random.Int32N(1<<20)), "at": time.UnixMilli(at).UTC(),
			"extra": "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcd"[:20+random.IntN(30)],
		})
		if err != nil {
			return 0, err
		}
		bytes += int64(len(value))
		client.Produce(ctx, &kgo.Record{Topic: "bids", Partition: int32(i % partitions), Timestamp: time.UnixMilli(at), Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		return 0, err
	}
	select {
	case err := <-failed:
		return 0, err
	default:
		return bytes, nil
	}
}
