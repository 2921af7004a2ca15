// Package op holds the operators of a pipeline, each in files of its own. They work on vectors that expressions have computed, know their
// state and its snapshots, and nothing of SQL text, of formats or of Kafka.
//
// Filters and projections are not here: package plan fuses them into the expressions before and after an operator.
package op
