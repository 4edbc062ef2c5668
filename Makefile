.PHONY: demo kill-test test storm fuzz lint bench generate clean

demo:      ## One grant, five languages, 20 seconds: ends with a table from the provider's journal.
	@scripts/setup demo
	@scripts/demo

kill-test: ## Kills one of the demo's programs every few seconds, 20 times: no grant is lost but with the answer.
	@scripts/setup demo
	@scripts/kill-test

test:      ## All tests of all languages.
	@scripts/setup test
	@scripts/test

storm:     ## Five languages, five stores, three servers and harm done on purpose: ends with the table (about an hour).
	@scripts/setup test
	@scripts/storm

fuzz:      ## Each fuzz target for ten minutes; what breaks a promise is left in target/fuzz.
	@scripts/fuzz

lint:      ## Formatting, lints and drift of generated files.
	@scripts/setup test
	@scripts/test lint

bench:     ## This project beside its peers, in one run.
	@scripts/setup bench
	@scripts/bench

generate:  ## Writes the generated files that are committed: C header, stubs, arginfo.
	@scripts/generate

clean:
	cargo clean
