// Package simulate holds two proofs of how packages plans, dr, linking and engine behave together; it has tests only.
//
// Both run everything as it is, commands' entry points included, against in-process brokers, registries and engines, over a network in memory and on a
// clock that jumps to the next moment at which something happens (testing/synctest): the ten seconds of a lease take none. What a process asks of
// the outside is seen request by request, so it can be ended in front of any one, behind it, or with its answer lost.
//
// TestSimulate plays random scripts under a seed: one to three topics, transactions that commit and abort, a group, a statement; a planned or an
// unplanned failover, a drill, a failback; and all of these: a link that lags or is cut off, a primary that dies, a survivor that dies with an answer
// on its way, a dead registry, a cut to the primary, an operator's clock that is wrong, a topic made anew, a producer id that both regions know, a
// writer that heeds no fence, deaths of lifeboat, a second operator beside the first, and one who goes on in his place. In scripts of testdata there are
// two at once, whose requests come in an order that the seed says (with LIFEBOAT_SIMULATE=all, now and then one is stopped until the other takes him for
// dead). TestModel takes one operation at a time, and has a fault at each of its changing requests, and a second death behind the first.
//
// After every operation: what was acknowledged is in the primary once, or named as lost by its offset; what was aborted is not; a statement has put
// out each row once; the region that was left took nothing after the other was promoted; who has lost a lease journals nothing more; what the journal
// calls done is done; the run has ended, or said why and was resumed to its end; and a drill has left nothing.
package simulate
