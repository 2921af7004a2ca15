package linking

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const forever = "9223372036854775807"

// whileMirrored is what a destination topic has in force while it is a mirror: nothing there may change a batch, refuse a time, or
// remove what the source still has.
func whileMirrored(source, overrides map[string]string) map[string]string {
	c := cloneOrNew(source)
	if source["cleanup.policy"] != "" && source["cleanup.policy"] != "delete" {
		// The records are older than any retention, and a compacted topic has none.
		c["retention.ms"], c["retention.bytes"] = "-1", "-1"
	}
	if n, err := strconv.Atoi(c["max.message.bytes"]); err != nil || n < 2<<20 {
		c["max.message.bytes"] = strconv.Itoa(2 << 20) // room for merged batches
	}
	maps.Copy(c, overrides)
	c["cleanup.policy"] = "delete" // a compacted topic refuses DeleteRecords and records without a key
	c["compression.type"] = "producer"
	c["message.timestamp.type"] = "CreateTime"
	c["message.timestamp.before.max.ms"] = forever
	c["message.timestamp.after.max.ms"] = forever
	return c
}

// afterwards is what is in force once the mirror is promoted: the source's values, under the topology's overrides, and the names of what
// only being a mirror has set.
func afterwards(source, overrides map[string]string) (set map[string]string, unset []string) {
	set = cloneOrNew(source)
	maps.Copy(set, overrides)
	for _, k := range sorted(whileMirrored(source, overrides)) {
		if _, stays := set[k]; !stays {
			unset = append(unset, k)
		}
	}
	return set, unset
}

// notCopied are configs that belong to a cluster, not to a topic's meaning.
var notCopied = []string{"leader.replication.throttled.replicas", "follower.replication.throttled.replicas", "min.insync.replicas",
	"unclean.leader.election.enable", "remote.storage.enable", "local.retention.ms", "local.retention.bytes", "message.format.version",
	"message.downconversion.enable", "file.delete.delay.ms", "flush.messages", "flush.ms", "preallocate"}

// sourceConfigs reads what is set on the source's topics, and always their retention and cleanup policy: the clusters' defaults may differ.
func sourceConfigs(ctx context.Context, r *Region, topics []string) (map[string]map[string]string, error) {
	all := map[string]map[string]string{}
	if len(topics) == 0 {
		return all, nil
	}
	described, err := r.describeConfigs(ctx, topics...)
	if err != nil {
		return nil, fmt.Errorf("%s: describing topic configs: %w", r.Name, err)
	}
	for _, d := range described {
		if d.Err != nil {
			return nil, fmt.Errorf("%s: topic %q: describing configs: %w", r.Name, d.Name, d.Err)
		}
		c := map[string]string{}
		for _, kv := range d.Configs {
			always := slices.Contains([]string{"retention.ms", "retention.bytes", "cleanup.policy", "max.message.bytes"}, kv.Key)
			if kv.Value != nil && (kv.Source == kmsg.ConfigSourceDynamicTopicConfig || always) && !slices.Contains(notCopied, kv.Key) {
				c[kv.Key] = *kv.Value
			}
		}
		renameConfigs(c)
		all[d.Name] = c
	}
	return all, nil
}

// fencedBytes is the max.message.bytes up to which a topic takes no record, or next to none: it is a fence, not a setting that a mirror should have.
const fencedBytes = 78

// unfenced is a source's configs with the limit that was remembered in the place of a fence.
func unfenced(configs map[string]string, known *topicRecord) map[string]string {
	const key = "max.message.bytes"
	if n, err := strconv.Atoi(configs[key]); err != nil || n > fencedBytes {
		return configs
	}
	delete(configs, key)
	if known != nil && known.Configs[key] != "" {
		configs[key] = known.Configs[key]
	}
	return configs
}

// renameConfigs gives configs the names that Kafka 4 knows them by. One name of Kafka 3 became two (KIP-937), which stand over it where they
// are set as well.
func renameConfigs(c map[string]string) {
	const old = "message.timestamp.difference.max.ms"
	v, set := c[old]
	if !set {
		return
	}
	delete(c, old)
	for _, name := range []string{"message.timestamp.before.max.ms", "message.timestamp.after.max.ms"} {
		if _, newer := c[name]; !newer {
			c[name] = v
		}
	}
}
