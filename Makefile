# The commands of this project. Nothing but Go is needed, and Node for `make playground`.
.DEFAULT_GOAL := help

# It has a module file of its own, so that its many dependencies stay out of go.mod.
GOLANGCI_LINT := go tool -modfile=golangci-lint.mod golangci-lint

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/annals
	CGO_ENABLED=0 go build -trimpath -o bin/annals .

.PHONY: run
run: ## serve on 127.0.0.1:8080, with a Postgres of its own unless DATABASE_URL is set
	go run .

.PHONY: demo
demo: ## the same with simulated vendors, so that everything moves
	go run . demo

.PHONY: test
test: ## run all tests
	go test ./...

.PHONY: race
race: ## run all tests but the end-to-end ones with the race detector
	CGO_ENABLED=1 go test -race $$(go list ./... | grep -v '/e2e$$')

.PHONY: e2e
e2e: ## run the end-to-end tests, against the real binary
	go test -count=1 ./e2e/...

.PHONY: bench
bench: ## run the benchmarks
	go test -run '^$$' -bench . -benchmem ./bench/...

.PHONY: lint
lint: ## run the linters
	$(GOLANGCI_LINT) run

.PHONY: fmt
fmt: ## format the code as the linters want it
	$(GOLANGCI_LINT) fmt

.PHONY: generate
generate: ## write graph/generated, the heads of resolvers, and audit/foldtable.go
	go tool gqlgen generate
	go generate ./audit

.PHONY: verify
verify: ## generate, and fail when that changes anything
	.ci/generated

.PHONY: vuln
vuln: ## look for known vulnerabilities
	.ci/vuln

.PHONY: playground
playground: ## build graph/playground/dist, needs Node
	cd graph/playground/src && npm ci && npm run build

.PHONY: check
check: ## all that CI runs
	.ci/run
