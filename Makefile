# make help lists the targets. Everything built goes to bin/; servers are built once into the user's cache folder.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup build run demo screenshots check test race dist test-dist bench bench-share bench-cut bench-egress \
	soak lint fmt clean

# Where setup.sh puts Go when the machine has none that suits.
export PATH := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/hindsight/go/bin:$(PATH)
# A checkout that belongs to another user must build too, and git refuses to look into it.
export GOFLAGS := $(GOFLAGS) -buildvcs=false

MODULE := github.com/hindsight-app/hindsight
STATICCHECK := go run honnef.co/go/tools/cmd/staticcheck@v0.7.0
# These need cgo, for the window and the tray. All else is built and tested without.
NEEDS_CGO := $(MODULE)/(app|app/ui.*|cmd/hindsight)$$
# Packages of pure computation and small loops, where the race detector costs seconds.
RACE := ./app/config ./app/control ./app/hotkey ./app/hotkey/hotkeytest ./app/links ./app/session ./app/token \
	./capture/fanout ./capture/media ./capture/mp4 ./capture/replay ./capture/video \
	./publish/client ./publish/livekit \
	$(addprefix ./publish/backend/,buffers jwt keeper leases poster recorder state state/statetest storage web)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: ## install what is missing to build and test (Debian packages, Go)
	@cmd/devstack/setup.sh test

build: ## bin/hindsight, bin/hindsightctl, bin/hindsight-backend, bin/devstack
	CGO_ENABLED=1 go build -o bin/ ./cmd/hindsight
	CGO_ENABLED=0 go build -o bin/ ./cmd/hindsightctl ./cmd/hindsight-backend ./cmd/devstack

run: ## servers, backend and app on this machine; Ctrl-C stops everything
	@cmd/devstack/setup.sh $(if $(DISPLAY),run,test)
	@$(MAKE) --no-print-directory build
	@exec bin/devstack run

demo: setup build ## the same, hands-free and checked, in a minute; DEMO_OUT=DIR keeps clips, screenshot, logs
	@exec bin/devstack demo $(if $(DEMO_OUT),--out '$(DEMO_OUT)')

screenshots: setup build ## of every page, dialog and tray state, in screenshots-out/ or SCREENSHOTS_OUT=DIR
	@exec bin/devstack screenshots $(if $(SCREENSHOTS_OUT),--out '$(SCREENSHOTS_OUT)')

check: ## all checks without servers: format, vet, staticcheck, builds for three systems, tests of pure logic
	@cmd/devstack/setup.sh check
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target check-tests check-vet check-builds check-staticcheck

# What check runs beside each other. Linting that asks a server (for vulnerabilities) is in lint.
.PHONY: check-tests check-vet check-builds check-staticcheck
check-tests: # some tests wait, so four packages share the processors
	cmd/devstack/test.sh -p 4 -timeout 5m $$(cmd/devstack/packages.sh pure)

check-vet:
	@bad=$$(gofmt -l app assets capture cmd publish); [ -z "$$bad" ] || { echo "gofmt wants to change: $$bad"; exit 1; }
	go vet ./...

check-builds: # vet reads the programs as well; they are linked by "make build"
	list=$$(go list -f '{{if .GoFiles}}{{.Name}} {{.ImportPath}}{{end}}' ./... | grep -vE '$(NEEDS_CGO)'); \
	for os in linux windows darwin; do \
		GOOS=$$os CGO_ENABLED=0 go build $$(sed -n '/^main /!s/.* //p' <<<"$$list"); \
		GOOS=$$os CGO_ENABLED=0 go vet $$(sed 's/.* //' <<<"$$list"); \
	done

check-staticcheck:
	$(STATICCHECK) ./...

test: setup check race ## check, the race detector, and all tests against the real servers
	cmd/devstack/test.sh -C publish/deploy/schematest ./...
	cmd/devstack/test.sh -p 2 -timeout 30m $$(cmd/devstack/packages.sh real)
	cmd/devstack/test.sh -p 1 -timeout 30m $$(cmd/devstack/packages.sh alone)

dist: ## packages of app and backend (deb, rpm, tar.gz), checksums and SBOMs, in dist/
	@cmd/devstack/setup.sh dist
	cmd/devstack/dist.sh dist

test-dist: dist ## installs the packages in a fresh Debian, saves a clip there, removes them; as root
	cmd/devstack/dist_try.sh dist

race: ## the race detector on pure packages and on the tests in cmd/devstack/race.txt
	cmd/devstack/test.sh -race -timeout 5m $(RACE)
	cmd/devstack/race.sh

bench: ## cost of capture, compared with other programs; save time; mixer and ring; the backend under load
	@cmd/devstack/setup.sh bench
	@$(MAKE) --no-print-directory build
	go test -run '^$$' -bench . -benchmem ./capture/mix ./capture/replay ./capture/clip
	go test -run '^$$' -bench "Load|Viewers" -benchtime 1x ./publish/backend
	bin/devstack bench
	bin/devstack bench --grow --seconds 8

bench-share: setup build ## sharing beside Chromium's: CPU, bitrate, delay, quality; 9 minutes; SHARE_ARGS='--rounds N'
	bin/devstack bench-share $(SHARE_ARGS)

bench-egress: setup build ## cost of a recording of each of LiveKit's egress types
	bin/devstack bench-egress

bench-cut: setup build ## cuts two 20-minute clips at once in 256 MB of memory; takes 10 GB of disk
	bin/devstack bench-cut

soak: setup build ## saves clips for half an hour, checks each of them and the memory; SOAK_MINUTES=N
	bin/devstack soak $(if $(SOAK_MINUTES),--minutes $(SOAK_MINUTES))

# Rules whose findings were all reviewed: unsafe (calls GStreamer's C library), errors of Close after another error,
# integers that media formats truncate or that are bounded, file modes (clips follow the user's umask, the backend's
# folders have a test), and paths that come from settings.
REVIEWED := G103,G104,G115,G301,G302,G304,G306
# Packages for tests are not part of the programs.
TEST_PACKAGES := cmd/devstack app/apptest app/hotkey/hotkeytest capture/capturetest publish/publishtest \
	$(addprefix publish/backend/,backendtest rewindtest storedtest shelftest storage/s3test)

lint: ## staticcheck, gosec and known vulnerabilities; golangci-lint too where it is installed
	$(STATICCHECK) ./...
	go run github.com/securego/gosec/v2/cmd/gosec@v2.22.10 -quiet -exclude=$(REVIEWED) \
		$(addprefix -exclude-dir=,$(TEST_PACKAGES)) ./...
	@! command -v golangci-lint >/dev/null || golangci-lint run
	@cmd/devstack/vulncheck.sh

fmt: ## gofmt everything
	gofmt -w app assets capture cmd publish

clean: ## remove what was built here (not the servers in the cache)
	rm -rf bin demo-out screenshots-out
