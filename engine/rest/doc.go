// Package rest speaks the Confluent Cloud statements API (sql/v1): NewServer puts it in front of any engine.Backend, and
// NewClient is an engine.Backend that calls it, here or at Confluent. One route is lifeboat's own: …/statements/{name}/progress,
// the position and watermark of the last commit; where it is missing the client falls back to status.latest_offsets.
//
// Results of foreground SELECTs, connections, materialized tables, agents and tools are not served.
package rest
