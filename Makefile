# The front door; CMake and Ninja (CMakePresets.json) do the work behind it.
# `make help` lists the rooms one can enter.

PREFIX   ?= /usr/local
SEEDS    ?= 2000
SEED     ?=
CYCLES   ?= 50
SECONDS_EACH ?= 60
FUZZERS  ?=
BUGS     ?=
TIMES    ?= 10
EXAMPLE  ?= examples/order-fulfilment
DATA     ?= belay-data

.PHONY: all check test sim planted fuzz crash bench run demo install deps clean help

all:
	@tools/install-deps build
	@tools/build release

help:
	@sed -n 's/^#: //p' Makefile

#: make                 the release build: build/release/belay
#: make check           debug build, unit tests and style checks: about a minute
#: make test            everything; what CI runs
#: make sim             the simulation: SEEDS=2000, or one failing SEED=n again
#: make planted         TIMES=10 of 2,000 seeds find each planted bug; BUGS="7 45" picks some
#: make fuzz            each fuzzer for SECONDS_EACH=60; FUZZERS="json pack" picks some
#: make crash           kill -9 on the real binary: CYCLES=50
#: make bench           the figures, as ratios taken in one run
#: make run             the order example on 127.0.0.1; its data in DATA=belay-data
#: make demo            the order example under faults and a kill, with its balance
#: make install         to PREFIX=/usr/local (DESTDIR is honoured)
#: make deps            install what is missing from Debian's packages
#: make clean           forget the builds

deps:
	@tools/install-deps build test

check:
	@tools/install-deps build test
	@tools/run_tests.py check

test:
	@tools/install-deps build test
	@SEEDS=$(SEEDS) CYCLES=$(CYCLES) tools/run_tests.py

sim:
	@tools/need tests/sim/CMakeLists.txt "simulation"
	@tools/install-deps build
	@tools/build release sim
	@build/release/tests/sim/sim $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

planted:
	@tools/need tests/sim/planted.cmake "planted bug"
	@tools/install-deps build
	@tools/build planted sim
	@tools/planted $(TIMES) $(BUGS)

fuzz:
	@tools/need tests/fuzz/CMakeLists.txt "fuzzer"
	@tools/install-deps build fuzz
	@tools/fuzz $(SECONDS_EACH) $(FUZZERS)

crash:
	@tools/need tests/crash "crash test"
	@tools/install-deps build test
	@CYCLES=$(CYCLES) tools/run_tests.py crash

bench:
	@tools/need bench/run "benchmark"
	@tools/install-deps build bench
	@tools/build release belay_programs bench
	@bench/run

run: all
	@tools/need $(EXAMPLE)/run "example"
	@$(EXAMPLE)/run --data $(DATA)

demo: all
	@tools/install-deps test
	@tools/need $(EXAMPLE)/demo "demo"
	@$(EXAMPLE)/demo

install: all
	@tools/need src/cli/main.c "program to install"
	@cmake --install build/release --prefix $(PREFIX)

clean:
	rm -rf build
