// The conformance cases that every language passes (tests/conformance), one test each.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const top = fileURLToPath(new URL('../..', import.meta.url))
const cases = readdirSync(`${top}tests/conformance/cases`)
  .filter((name) => name.endsWith('.toml'))
  .map((name) => basename(name, '.toml'))

/** Resolves to what the runner said of a case that failed. */
function failuresOf(name) {
  return new Promise((resolve) => {
    const runner = `${top}target/debug/evergrant-conformance`
    execFile(runner, ['run', '--testee', 'node', name], { cwd: top }, (error, stdout, stderr) => {
      resolve(error === null ? '' : stdout + stderr + error.message)
    })
  })
}

describe('conformance', { concurrency: availableParallelism() }, () => {
  for (const name of cases) {
    test(name, async () => assert.equal(await failuresOf(name), ''))
  }
})
