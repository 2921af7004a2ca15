# Everything here needs Go, git and make; tests on real servers use Java, Maven and Docker where they are there.
GO ?= go
PKGS = ./...
# The race detector is linked by a C compiler; without one tests run without it, and say so.
RACE := $(if $(shell command -v gcc || command -v cc || command -v clang),-race)

.PHONY: demo build test test-short lint bench bench-link bench-link-all fuzz storm crashes simulate corpus

build:            ## bin/lifeboat
	$(GO) build -o bin/lifeboat ./cmd/lifeboat

demo: build       ## two regions, real data, the primary dies, failover, proof; KAFKA=real uses Apache Kafka processes
	./bin/lifeboat demo $(if $(filter real,$(KAFKA)),--kafka)

# Scripts run the whole program hundreds of times, over what the tests of the other packages run with the race detector: they do without it.
test: lint        ## all tests; real servers are used where they can be started, and required by LIFEBOAT_REQUIRE=kafka,containers
	$(if $(RACE),,@echo "no C compiler: without the race detector" >&2)
	@scripts=$$($(GO) list $(PKGS) | grep '/cmd/lifeboat$$'); others=$$($(GO) list $(PKGS) | grep -v '/cmd/lifeboat$$'); status=0; \
	if [ -n "$$others" ]; then $(GO) test $(RACE) -shuffle=on -timeout 40m $$others || status=1; fi; \
	if [ -n "$$scripts" ]; then $(GO) test -shuffle=on -timeout 20m $$scripts || status=1; fi; \
	exit $$status

test-short:       ## in-process regions only
	$(GO) test -short -shuffle=on $(PKGS)

lint:
	@out=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$out" || { echo "not gofmt-ed: $$out"; exit 1; }
	$(GO) vet $(PKGS)
	$(GO) tool staticcheck $(PKGS)

bench:            ## mirror, engine and failover on real Kafka, ratios measured side by side in one run
	scripts/bench.sh

bench-link:       ## of these, the mirror beside MirrorMaker 2
	BENCH=link scripts/bench.sh

bench-link-all:   ## the same with every codec and size of record over 1 and 100 partitions too
	$(GO) run ./bench/link -all

fuzz:             ## every fuzz target for FUZZTIME (default 20s) each
	FUZZTIME=$(or $(FUZZTIME),20s) scripts/fuzz.sh

corpus:           ## how much of Flink's own test programs and functions the SQL front end understands; needs ../shared
	LIFEBOAT_REQUIRE=shared $(GO) test -count=1 -run '^TestCorpus' -v ./statements

crashes:          ## every run killed at every call that it makes, before it and after it, and resumed
	LIFEBOAT_CRASHES=all $(GO) test -count=1 -timeout 120m -run '^Test(RunsGoOnAfterEveryCall|LostJournalIsWrittenAgain|JournalLostWhileTheRunGoesOn|PlannedFailoverGoesOnWithoutItsPrimary|RunsGoOnAfterDeathsOnKafka)$$' ./dr
	LIFEBOAT_CRASHES=all $(GO) test -count=1 -timeout 60m -run 'TestLinkStruckAtEveryCall|GoesOnAfterEveryCrash' ./linking

simulate:         ## SEEDS random plays (default 1000), and every case of the protocols' model; SCRIPT=FILE plays one, and shows what happens
	LIFEBOAT_SIMULATE=all LIFEBOAT_SEEDS=$(or $(SEEDS),1000) LIFEBOAT_SCRIPT=$(abspath $(SCRIPT)) \
		$(GO) test -count=1 -timeout 120m -v $(if $(SCRIPT),-run '^TestScripts$$') ./dr/simulate

storm:            ## link processes and brokers of Apache Kafka are killed, stopped and woken up at random for STORM (default 5m)
	LIFEBOAT_REQUIRE=kafka LIFEBOAT_STORM=$(or $(STORM),5m) $(GO) test -count=1 -timeout 2h -run '^TestStorm$$' -v ./linking
