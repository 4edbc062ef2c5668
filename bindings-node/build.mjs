// Builds the native module and puts it where lib/native.js looks for it, and the helper process into bin/. Arguments go
// to cargo:
//
//   node build.mjs --release

import { spawnSync } from 'node:child_process'
import { copyFileSync, renameSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const target = `${here}evergrant.node`

const cargo = spawnSync(
  'cargo',
  ['build', '--package', 'evergrant-node', '--message-format', 'json-render-diagnostics', ...process.argv.slice(2)],
  { cwd: here, encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'inherit'] },
)
if (cargo.status !== 0) process.exit(cargo.status ?? 1)

const library = cargo.stdout
  .split('\n')
  .filter((line) => line.startsWith('{'))
  .map((line) => JSON.parse(line))
  .filter((message) => message.reason === 'compiler-artifact' && message.target.name === 'evergrant_node')
  .flatMap((message) => message.filenames)
  .find((name) => /\.(so|dylib|dll)$/.test(name))

// Renamed into place: a process that has the old module mapped keeps it whole.
copyFileSync(library, `${target}.new`)
renameSync(`${target}.new`, target)

const release = process.argv.includes('--release') ? ['--release'] : []
const helper = spawnSync(`${here}../scripts/helper`, [`${here}bin`, ...release], { stdio: 'inherit' })
if (helper.status !== 0) process.exit(helper.status ?? 1)
