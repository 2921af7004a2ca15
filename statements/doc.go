// Package statements turns Flink SQL (the Confluent Cloud dialect) into statements and says what they mean for a move
// between regions.
//
// The way through it: [Parse] gives the syntax tree with positions; [Resolve] gives names their columns and every
// expression its type, which is what an engine compiles; [NewGraph] gives the tables read and written and the order of
// statements; [HorizonOf] and [Graph.Horizons] say how far back their inputs must reach to rebuild state;
// [JudgeRetention] compares that with a topic's log; [Judge] applies the determinism rules.
//
// Everything is pure: text and facts in, values out, no clock, no network, no map order in a result. Topics, registries
// and running statements are other packages' business; what they know comes in as a [Catalog] or as [Facts].
//
// A mistake in a user's SQL is a report.Finding with file, line and column, never a Go error. What the dialect has and
// this package does not is refused by its name (rule "sql/unsupported"), so that nobody has to guess from a syntax error.
package statements
