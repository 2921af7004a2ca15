// Package dr carries plans out: it looks at both regions, executes a plan's steps, remembers what it did in the surviving
// region, keeps other runs out, and proves the result.
//
// What to do is computed by package plans; how a region is mirrored and promoted is package linking's, how a statement
// runs is package engine's. Every function here returns a report.Report; none prints.
package dr
