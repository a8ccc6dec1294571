# hallmark: what a person types. `make help` lists the targets.
#
# Variables, with what each is for:
#   GO         the go command
#   DEMO_DIR   where `make demo` works; empty: a temporary folder that is removed again
#   RUN_DIR    where `make run` keeps its throwaway CA; empty: a temporary folder
#   LISTEN     the address that `make run` serves
#   P          packages that are built and tested at once; linking the CA takes about 1 GB each
#   TIMEOUT    after which one package's tests are given up
#   FUZZTIME   for each fuzz target of `make fuzz`
#   FUZZ       the packages whose targets `make fuzz` runs, such as ./verify/...
#   KILLS      how often `make kills` kills
#   BENCHFLAGS for `make bench`, such as --json or --rows verify

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO         ?= go
DEMO_DIR   ?=
RUN_DIR    ?=
LISTEN     ?= 127.0.0.1:8443
P          ?= 2
TIMEOUT    ?= 20m
FUZZTIME   ?= 60s
FUZZ       ?= ./...
KILLS      ?= 1000
BENCHFLAGS ?=

TOOLS := .tools/bin

# No stamp from git: a clone of another user's, as with sudo, would fail the build.
export GOFLAGS := $(GOFLAGS) -buildvcs=false

.PHONY: help demo build test check bench run lint fmt golden kills fuzz clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 10

demo: ## show the whole way, from an audit to a refused package
	@test/setup demo
	@$(MAKE) --no-print-directory build
	@bin/hallmark demo $(if $(DEMO_DIR),--dir '$(DEMO_DIR)')

# Whether hallmark uses cgo is left to go: with a C compiler it can load a PKCS#11 module,
# without one it cannot, and everything else works. The verifier's two programs are static
# files; the one that judges has no network in it.
build: ## build bin/hallmark, bin/hallmark-verify and bin/hallmark-fetch
	$(GO) build -trimpath -o bin/hallmark ./cmd/hallmark
	CGO_ENABLED=0 $(GO) build -trimpath -tags urfave_cli_no_docs -ldflags='-s -w' -o bin/ ./cmd/hallmark-verify ./cmd/hallmark-fetch

# The race detector looks at everything but PBKDF2 and what its rounds call, which have no
# shared state of ours: with it they cost eight times as much, and that was most of the time.
# PBKDF2 is generic: each package that calls it compiles one, and the linker takes any.
NO_RACE := crypto/internal/fips140/... internal/byteorder golang.org/x/crypto/pbkdf2 github.com/go-jose/go-jose/v4 github.com/jackc/pgx/v5/pgconn
RACE    := -race $(NO_RACE:%='-gcflags=%=-race=false')

# A program with the race detector sleeps a second before it ends, by default; the scripts
# start hundreds of them.
RACE_ENV := GORACE=atexit_sleep_ms=10

test: ## install what is missing, run every test with the race detector, sum up
	@test/setup test
	@mkdir -p bin && $(GO) build -o bin/report ./test/report
	@CGO_ENABLED=1 $(RACE_ENV) $(GO) test -json $(RACE) -p $(P) -timeout $(TIMEOUT) ./... 2>&1 | bin/report

check: ## everything that can be said without running the product
	@test/setup check
	@$(MAKE) --no-print-directory lint
	$(GO) mod verify
	$(GO) mod tidy -diff
	$(GO) test -count=1 ./test/structure
	$(GO) test -count=1 -run "^(TestPage|TestModule)" ./ext # the OID page and the ASN.1 module against the code
	@$(MAKE) --no-print-directory vulnerabilities

lint: ## gofmt, vet, staticcheck
	@test/setup check
	@unformatted=$$(gofmt -l .); \
	if [ -n "$$unformatted" ]; then printf 'gofmt would change these (make fmt):\n%s\n' "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(TOOLS)/staticcheck ./...

# The database of vulnerabilities is on the network. If it cannot be reached that is said,
# and is no failure: an offline machine must be able to run the gate. A finding is one.
.PHONY: vulnerabilities
vulnerabilities:
	@if out=$$($(TOOLS)/govulncheck ./... 2>&1); then printf '%s\n' "$$out"; \
	elif grep -q 'fetching vulnerabilities' <<<"$$out"; then \
		printf 'govulncheck: NOT RUN, its database cannot be reached from here:\n  %s\n' "$$(tail -n 1 <<<"$$out")"; \
	else printf '%s\n' "$$out"; exit 1; fi

bench: ## print the table of ratios (BENCHFLAGS=--json for a program)
	@test/setup bench
	@$(MAKE) --no-print-directory build
	@$(GO) run ./test/bench $(BENCHFLAGS)

.PHONY: bench-offload
bench-offload: ## a pipeline on one server and on two; some minutes, and two idle CPUs
	@test/setup test
	@$(GO) run ./test/offload $(BENCHFLAGS)

run: build ## start a throwaway CA
	@test/run '$(RUN_DIR)' '$(LISTEN)'

fmt: ## gofmt -w
	gofmt -w .

# Golden files are remade by the tests that compare with them, where those know the flag.
golden: ## rewrite golden files and generated documents from the code
	@packages=$$(grep -rl --include='*_test.go' 'flag.Bool("update"' . | xargs -r -n 1 dirname | sort -u); \
	if [ -z "$$packages" ]; then echo 'no test knows -update'; exit 1; fi; \
	$(GO) test -count=1 $$packages -update

kills: ## kill a CA under load a thousand times (KILLS=n), and fail each of its system calls in each way
	@test/setup test
	HALLMARK_TEST_KILLS=$(KILLS) $(GO) test -count=1 -timeout $(TIMEOUT) -run '^(TestKills|TestEveryCallFails)$$' -v ./test/faults | grep -v '^=== RUN\|--- PASS: .*/.*/'

# A crash is kept by go in the package's testdata/fuzz and is a case of `make test` from then on.
fuzz: ## run every fuzz target for FUZZTIME (FUZZ=./verify/... for some)
	@folders=$$($(GO) list -f '{{.Dir}}' $(FUZZ)); \
	targets=$$({ grep -Ho '^func Fuzz[A-Za-z0-9_]*' $$(printf '%s/*_test.go ' $$folders) 2>/dev/null || :; } | sed "s|^$(CURDIR)/||; s/:func / /" | sort); \
	if [ -z "$$targets" ]; then echo 'no fuzz target found'; exit 1; fi; \
	while read -r file target; do \
		echo "$$target ($$(dirname "$$file"))"; \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x "./$$(dirname "$$file")" </dev/null; \
	done <<<"$$targets"

clean: ## remove what was built
	rm -rf bin .tools
