.PHONY: demo test lint bench generate clean

demo:      ## One grant, five languages, 20 seconds: ends with a table from the provider's journal.
	@scripts/setup demo
	@scripts/demo

test:      ## All tests of all languages.
	@scripts/setup test
	@scripts/test

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
