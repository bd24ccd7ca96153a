# `make` alone lists the targets. GNU make 3.81 and later.

.DEFAULT_GOAL := help
SHELL := /bin/sh

GO       ?= go
ARGS     ?=
URL      ?=
STAGE    ?= dev
FUZZTIME ?= 10s
# A URL of another vulnerability database for govulncheck.
VULNDB   ?=
# Where lint's tools are installed, at these versions.
TOOLS    ?= $(CURDIR)/bin/tools
GOLANGCI_LINT_VERSION := v2.15.0
GOVULNCHECK_VERSION   := v1.9.0
GOLANGCI_LINT := $(TOOLS)/golangci-lint-$(GOLANGCI_LINT_VERSION)/golangci-lint
GOVULNCHECK   := $(TOOLS)/govulncheck-$(GOVULNCHECK_VERSION)/govulncheck

# The architecture of built functions: amd64 or arm64. It must agree with the
# template's parameter Architecture (x86_64 or arm64).
GOARCH ?= amd64

# The race detector needs a C compiler. Its name may come with flags.
define go_test
	@set -- $$($(GO) env CC); \
	if command -v "$$1" >/dev/null 2>&1; then \
	  CGO_ENABLED=1 $(GO) test -race -shuffle=on -timeout=15m $(1); \
	else \
	  echo 'make: no C compiler: testing without the race detector' >&2; \
	  CGO_ENABLED=0 $(GO) test -shuffle=on -timeout=15m $(1); \
	fi
endef

.PHONY: help need-go run sam-local sam-local-environment test lint e2e contract fuzz stress doctor bench build bootstrap \
  rotate deploy

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

need-go:
	@command -v $(GO) >/dev/null 2>&1 || { echo 'make: Go 1.26 or later is needed: https://go.dev/dl/' >&2; exit 1; }

# Built and then run in the shell's place, not with `go run`, which dies of a
# SIGTERM without passing it on and would leave the service behind.
run: need-go ## the whole service on this machine; ARGS='-addr 127.0.0.1:9000' and more
	@if [ ! -e bin/oms ]; then echo 'make: compiling the local host; the first time this takes a minute or two' >&2; fi
	@$(GO) build -o bin/oms ./local && exec bin/oms $(ARGS)

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

fuzz: need-go ## every fuzz target for FUZZTIME (10s)
	@set -e; \
	for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' shared functions local | xargs -n1 dirname | sort -u); do \
	  targets=$$($(GO) test -list '^Fuzz' "./$$dir"); \
	  for target in $$(echo "$$targets" | grep '^Fuzz'); do \
	    echo "fuzz $$dir $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "./$$dir"; \
	  done; \
	done

# What has a quick form in `make test`, with the race detector; here it would take most of the time. MONGO_TEST_URI is
# taken as `make test` takes it. On a set of .ci/replicas, with MONGO_TEST_CUT="$PWD/.ci/replicas", failover cuts five
# primaries off from the others, too.
STRESS := histories crashpoints races kills datakept scale faults failover
ONLY   ?= $(STRESS)
# 1,000 random histories in virtual time; ONLY=histories ARGS='-histories=1 -seed=7' runs one again.
histories   = -run=randomHistories ./shared/organization -histories=1000
# Every crash point of every request on every engine.
crashpoints = -run='^TestService_crashPoints$$' ./shared/mongo
# A hundred times twelve want one thing, 50 histories of clients that race, and the doctor among them.
races       = -run='^Test(Service_(oneOfTwelve|racingHistories)|Doctor)$$' ./shared/mongo
# 100 times kill -9 of the service, and of its functions, under load.
kills       = -run='^TestService$$/^kills' ./local/contract
# What others write during 200 renames, and after a deletion.
datakept    = -run='^TestData(Kept|Apart)$$' ./shared/mongo
# Reconcile beside 100,000 organizations, and everything beside 20,000 collections.
scale       = -run='^TestService_(reconcileAtScale|manyCollections)$$' ./shared/mongo
# Every fault of the wire on every command of every endpoint.
faults      = -run='^TestFaults$$' ./local
# 20 step-downs and 5 dead primaries under load.
failover    = -run='^TestFailover$$' ./shared/mongo

stress: need-go ## everything long; ONLY=kills, or another of the names above it in the Makefile, for one
	@set -e; $(foreach one,$(ONLY),echo 'make: stress: $(one)'; \
	  OMS_TEST_FULL=1 $(GO) test -count=1 -timeout=30m -v $(or $($(one)),$(error there is no $(one) in $(STRESS))) $(ARGS);)

doctor: need-go ## what contradicts itself in the database of MONGO_URI, or of make run; ARGS=-repair mends
	@$(GO) build -o bin/doctor ./local/doctor && exec bin/doctor $(ARGS)

bench: need-go ## every benchmark, five times
	$(GO) test -run '^$$' -bench . -benchmem -count=5 $(ARGS) ./...

build: need-go ## every function, as it is deployed, to bin/<its name>/bootstrap
	@$(MAKE) --no-print-directory $$(sed -n 's/^\(build-[A-Za-z0-9]*\):.*/\1/p' $(firstword $(MAKEFILE_LIST)))

bootstrap: ## the secrets of STAGE (dev) in Secrets Manager, and their ARNs in samconfig.toml; MONGO_URI is the database
	.ci/secrets bootstrap $(STAGE)

rotate: ## a new key for the tokens of STAGE (dev); those of the old one hold until they expire
	.ci/secrets rotate $(STAGE)

deploy: need-go ## to AWS, with the settings of STAGE (dev) in samconfig.toml
	GOARCH=arm64 sam build --config-env $(STAGE)
	sam deploy --config-env $(STAGE) $(ARGS)

$(GOLANGCI_LINT):
	GOBIN=$(@D) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)

$(GOVULNCHECK):
	GOBIN=$(@D) $(GO) install golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK_VERSION)

# What `sam build` calls, one for each function of template.yaml: static, stripped,
# and the same bytes from the same sources, wherever they lie. The tag leaves out
# what only the go1.x runtime needed.
ARTIFACTS_DIR ?= bin/$(@:build-%=%)
define bootstrap
	CGO_ENABLED=0 GOOS=linux GOARCH=$(GOARCH) $(GO) build -trimpath -buildvcs=false -tags lambda.norpc \
	  -ldflags='-s -w -buildid=' -o $(ARTIFACTS_DIR)/bootstrap ./functions/$(1)
endef

# `sam build` leaves nothing to do before `sam local start-api`: one of its targets
# makes the environment too. A build for a deploy, which names another
# architecture, has no use for it.
ifeq ($(origin ARTIFACTS_DIR)$(GOARCH),environmentamd64)
build-HealthFunction: sam-local-environment
endif

.PHONY: build-OrgCreateFunction build-OrgGetFunction build-OrgUpdateFunction build-OrgDeleteFunction \
  build-AdminLoginFunction build-AuthorizerFunction build-DocsFunction build-HealthFunction build-ReconcileFunction

build-OrgCreateFunction:  ; $(call bootstrap,org-create)
build-OrgGetFunction:     ; $(call bootstrap,org-get)
build-OrgUpdateFunction:  ; $(call bootstrap,org-update)
build-OrgDeleteFunction:  ; $(call bootstrap,org-delete)
build-AdminLoginFunction: ; $(call bootstrap,admin-login)
build-AuthorizerFunction: ; $(call bootstrap,authorizer)
build-DocsFunction:       ; $(call bootstrap,docs)
build-HealthFunction:     ; $(call bootstrap,health)
build-ReconcileFunction:  ; $(call bootstrap,reconcile)
