# `make` alone lists the targets. GNU make 3.81 and later.

.DEFAULT_GOAL := help
SHELL := /bin/sh

GO       ?= go
ARGS     ?=
URL      ?=
PEER     ?=
STAGE    ?= dev
ROLLOUT  ?=
# How many inputs. A time, as 10s, is taken too, but at its end Go may call what found nothing a failure (golang/go#75804).
FUZZTIME ?= 50000x
# A URL of another vulnerability database for govulncheck.
VULNDB   ?=
# Where lint's tools are installed, at these versions.
TOOLS    ?= $(CURDIR)/bin/tools
GOLANGCI_LINT_VERSION := v2.15.0
GOVULNCHECK_VERSION   := v1.9.0
DELVE_VERSION         := v1.27.2
GOLANGCI_LINT := $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION)/golangci-lint
GOVULNCHECK   := $(TOOLS)/govulncheck-$(GOVULNCHECK_VERSION)/govulncheck

# The architecture of built functions: amd64 or arm64. It must agree with the
# template's parameter Architecture (x86_64 or arm64).
GOARCH ?= amd64

# The race detector needs a C compiler. Its name may come with flags. A program that it is in waits for a second when it
# ends, for races that are just being reported: here that adds up, for the tests end a hundred programs. Many tests wait
# for an answer that never comes, so four of a package run at once, on two CPUs too.
define go_test
	@set -- $$($(GO) env CC); \
	if command -v "$$1" >/dev/null 2>&1; then \
	  GORACE="atexit_sleep_ms=20 $$GORACE" CGO_ENABLED=1 $(GO) test -race -shuffle=on -parallel=4 -timeout=15m $(1); \
	else \
	  echo 'make: no C compiler: testing without the race detector' >&2; \
	  CGO_ENABLED=0 $(GO) test -shuffle=on -parallel=4 -timeout=15m $(1); \
	fi
endef

.PHONY: help need-go run debug cover sam-local sam-local-environment test lint e2e contract fidelity fuzz stress doctor \
  bench bench-compare bench-cold build bootstrap rotate rotate-pepper deploy

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

need-go:
	@command -v $(GO) >/dev/null 2>&1 || { echo 'make: Go 1.26 or later is needed: https://go.dev/dl/' >&2; exit 1; }

# Built and then run in the shell's place, not with `go run`, which dies of a
# SIGTERM without passing it on and would leave the service behind.
run: need-go ## the whole service on this machine; ARGS='-addr 127.0.0.1:9000' and more
	@if [ ! -e bin/oms ]; then echo 'make: compiling the local host; the first time this takes a minute or two' >&2; fi
	@$(GO) build -o bin/oms ./local && exec bin/oms $(ARGS)

cover: need-go ## what of the code the contract reaches, by the service in one process
	@rm -rf bin/cover && mkdir -p bin/cover
	GOCOVERDIR='$(CURDIR)/bin/cover' $(GO) test -count=1 $(ARGS) ./local/contract -in-process
	$(GO) tool covdata percent -i bin/cover -pkg "$$($(GO) list ./functions/... ./shared/... ./local/... | tr '\n' ',')"

debug: need-go ## the service in one process, under a debugger; ARGS as for run
	$(GO) build -gcflags='all=-N -l' -o bin/oms-debug ./local
	$(GO) run github.com/go-delve/delve/cmd/dlv@$(DELVE_VERSION) exec bin/oms-debug -- -in-process $(ARGS)

sam-local: need-go ## the same in Lambda's own runtime: SAM CLI and Docker; http://localhost:3000
	docker compose up -d --wait mongo
	sam build
	exec sam local start-api $(ARGS)

# The functions' environment, where samconfig.toml has it.
sam-local-environment: need-go
	@GOOS= GOARCH= $(GO) run ./local -sam-local .data/sam-local.json

test: need-go ## every test, with the race detector where there is a C compiler; ARGS='-run Login'
	$(call go_test,$(ARGS) ./...)

lint: need-go $(GOLANGCI_LINT) $(GOVULNCHECK) ## format and lint, known vulnerabilities, the template
	$(GOLANGCI_LINT) run ./...
	$(GOVULNCHECK) $(if $(VULNDB),-db $(VULNDB)) ./...
	@if command -v cfn-lint >/dev/null 2>&1; then \
	  echo 'cfn-lint -r us-east-1 -- template.yaml'; cfn-lint -r us-east-1 -- template.yaml; \
	else echo 'make: template.yaml is not checked: pip install cfn-lint' >&2; fi

e2e: need-go ## the stores and the service over HTTP, at MONGO_TEST_URI too where it is set
	$(call go_test,-count=1 $(ARGS) ./shared/mongo/... ./local ./local/contract ./local/doctor)

# What a team runs after a deploy. It deletes the organizations that it makes. A
# URL may hold a $, as that of a stage $default does: it is taken as it stands.
contract: need-go ## the contract over HTTP, at any host: URL=https://…
	@test -n '$(value URL)' || { echo 'make: which host? make contract URL=https://…' >&2; exit 1; }
	@OMS_BASE_URL='$(value URL)' $(GO) test -count=1 -timeout=30m $(ARGS) ./local/contract

# Its answers are the column that rests on documents, and ARGS=-update-fidelity keeps them; functions/deploying.md says
# how what is asked is deployed.
fidelity: need-go ## what API Gateway does, asked of an account and compared: URL=https://…
	@test -n '$(value URL)' || { echo 'make: which API? make fidelity URL=https://…' >&2; exit 1; }
	@FIDELITY_AWS='$(value URL)' $(GO) test -count=1 -v -run '^TestFidelity$$' ./local/gateway $(ARGS)

# Left to Go, making one input smaller that reached new code may take a minute: a hundred tries are enough.
fuzz: need-go ## every fuzz target with FUZZTIME (50000x) inputs
	@set -e; \
	for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' shared functions local | xargs -n1 dirname | sort -u); do \
	  targets=$$($(GO) test -list '^Fuzz' "./$$dir"); \
	  for target in $$(echo "$$targets" | grep '^Fuzz'); do \
	    echo "fuzz $$dir $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) \
	      -fuzzminimizetime 100x "./$$dir"; \
	  done; \
	done

# What takes longer than a change can wait for: `make test` leaves it out, or holds a quick form of it. MONGO_TEST_URI is
# taken as `make test` takes it. On a set of .ci/replicas, with MONGO_TEST_CUT="$PWD/.ci/replicas", failover cuts five
# primaries off from the others, too.
STRESS := histories crashpoints races kills datakept scale faults failover
ONLY   ?= $(STRESS)
# 1,000 random histories in virtual time; ONLY=histories ARGS='-histories=1 -seed=7' runs one again.
histories   = -run=randomHistories ./shared/organization -histories=1000
# Every crash point of every request on every engine; ARGS=-every=3 draws a third of them.
crashpoints = -run='^TestService_crashPoints$$' ./shared/mongo
# A hundred times twelve want one thing, 50 histories of clients that race, and the doctor among them.
races       = -run='^Test(Service_(oneOfTwelve|racing.*)|Doctor)$$' ./shared/mongo
# 100 times kill -9 of the service, and of its functions, under load; ARGS=-kills=40 for fewer.
kills       = -run='^TestService$$/^kills' ./local/contract
# What others write during 200 renames, and after a deletion.
datakept    = -run='^TestData(Kept|Apart)$$' ./shared/mongo
# Reconcile beside 100,000 organizations, and everything beside 20,000 collections.
scale       = -run='^TestService_(reconcileAtScale|manyCollections)$$' ./shared/mongo
# Every fault of the wire on every command of every endpoint (ARGS=-every=2 draws a half of them), and a function that
# stands still for longer than a lease.
faults      = -run='^Test(Faults|StalledFunction)$$' ./local
# 20 step-downs and 5 dead primaries under load.
failover    = -run='^TestFailover$$' ./shared/mongo

stress: need-go ## everything long; ONLY=kills, or another of the names above it in the Makefile, for one
	@set -e; $(foreach one,$(ONLY),echo 'make: stress: $(one)'; \
	  OMS_TEST_FULL=1 $(GO) test -count=1 -timeout=30m -v $(or $($(one)),$(error there is no $(one) in $(STRESS))) $(ARGS);)

doctor: need-go ## what contradicts itself in the database of MONGO_URI, or of make run; ARGS=-repair mends
	@$(GO) build -o bin/doctor ./local/doctor && exec bin/doctor $(ARGS)

bench: need-go ## every benchmark, five times
	$(GO) test -run '^$$' -bench . -benchmem -count=5 $(ARGS) ./...

# In turns with PEER, name=URL,name=URL; all on the database server at MONGO_TEST_URI. See local/compare/figures.md.
bench-compare: need-go ## both ways to run the service beside others: PEER=http://127.0.0.1:9000
	$(GO) test -run '^$$' -bench Service -benchtime 1x -timeout 60m ./local/compare -peers '$(PEER)' \
	  -rounds 5 -during 3s -documents 100000 $(ARGS)

# In turns with PEER, name=bootstrap,name=bootstrap.
bench-cold: need-go ## how long each function takes to start, and of what that is made
	$(GO) test -run '^$$' -bench Function -benchtime 1x -timeout 60m ./local/compare -bootstraps '$(PEER)' -starts 30 $(ARGS)

build: need-go ## every function, as it is deployed, to bin/<its name>/bootstrap
	@$(MAKE) --no-print-directory $$(sed -n 's/^  \([A-Za-z][A-Za-z]*Function\):$$/build-\1/p' template.yaml)

bootstrap: ## the secrets of STAGE (dev) in Secrets Manager, and their ARNs in samconfig.toml; MONGO_URI is the database
rotate: ## the next step to a new key for the tokens of STAGE (dev); no token is lost
rotate-pepper: ## the next step to a new pepper for its passwords; no password is lost
bootstrap rotate rotate-pepper: need-go
	@$(GO) build -o bin/secrets ./local/secrets && exec bin/secrets $@ $(STAGE)

# What a command line says in --parameter-overrides takes the place of all that samconfig.toml has there, and what is named
# nowhere keeps its last value: so ROLLOUT is written into a copy.
deploy: need-go ## to AWS, with the settings of STAGE (dev) in samconfig.toml, but for a ROLLOUT=AllAtOnce
	GOARCH=arm64 sam build --config-env $(STAGE)
	@$(MAKE) -s .aws-sam/samconfig.toml
	sam deploy --config-file '$(CURDIR)/.aws-sam/samconfig.toml' --config-env $(STAGE) $(ARGS)

.PHONY: .aws-sam/samconfig.toml
.aws-sam/samconfig.toml:
	mkdir -p $(@D) && sed $(if $(ROLLOUT),'s/"Rollout=[A-Za-z0-9]*"/"Rollout=$(ROLLOUT)"/',-n p) samconfig.toml >$@

$(GOLANGCI_LINT):
	GOBIN=$(@D) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)

$(GOVULNCHECK):
	GOBIN=$(@D) $(GO) install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)

# What `sam build` calls for each function of template.yaml: OrgGetFunction is the program functions/org-get/org-get.
# It is static, stripped, and the same bytes from the same sources, wherever they lie. The tag leaves out what only the
# go1.x runtime needed.
ARTIFACTS_DIR ?= bin/$(@:build-%=%)
build-%Function:
	@name=$$(echo '$*' | sed 's/\([a-z]\)\([A-Z]\)/\1-\2/g' | tr A-Z a-z) && set -x && \
	CGO_ENABLED=0 GOOS=linux GOARCH=$(GOARCH) $(GO) build -trimpath -buildvcs=false -tags lambda.norpc \
	  -ldflags='-s -w -buildid=' -o $(ARTIFACTS_DIR)/bootstrap "./functions/$$name/$$name"

# `sam build` leaves nothing to do before `sam local start-api`: one of its targets
# makes the environment too. A build for a deploy, which names another
# architecture, has no use for it.
ifeq ($(origin ARTIFACTS_DIR)$(GOARCH),environmentamd64)
build-HealthFunction: sam-local-environment
endif
