/**
 * Schemathesis asks one daemon whatever its description allows, and what it does not: no answer is a 5xx, and each is as the
 * description says. The seed is fixed, and fixed state is there to be found: versions, feedback, a dead letter, a pin.
 */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { schemathesisPython } from '../../deploy/bootstrap/python-venv.mjs'
import { oneDaemon } from './one-daemon.ts'

const run = promisify(execFile)

/** Random weights: it writes nonsense. */
const decoder = fileURLToPath(new URL('../reference/tiny-causal/llama', import.meta.url))

const daemon = oneDaemon(`
server: { port: 0 }
data_dir: ./data
models:
  sentiment: { labels: [positive, negative], adapter: { method: head }, trigger: { every: 2 } }
  price: { task: regression, base: { features: { size: 2 } } }
  support: { task: { generation: { max_tokens: 4 } }, base: { causal: ${JSON.stringify(decoder)} } }
`)

/** Names that exist; everything else is drawn. */
const known = `
[parameters]
"path.model" = "sentiment"
"body.model" = "sentiment"
`

/** Drawn for each operation, besides those that its schema makes systematically: a count, so that a busy machine tries no fewer. */
const DRAWN = 20

const checks = [
  ...['not_a_server_error', 'status_code_conformance', 'content_type_conformance'],
  ...['response_schema_conformance', 'response_headers_conformance', 'negative_data_rejection'],
]

test('no answer is a 5xx, each is as the description says, and what it forbids is refused', async (context) => {
  const python = schemathesisPython()
  if (python === undefined)
    return context.skip('Schemathesis is not installed (node deploy/bootstrap/main.mjs --all)')
  const events = [
    { input: 'good', label: 'positive' },
    { input: 'bad', label: 'negative' },
    { input: 'odd', label: 'neither' },
  ]
  const { position } = await daemon.post<{ position: string }>('sentiment/feedback', { events })
  const asked = `sentiment/predict?wait_for=${position}`
  expect(await daemon.post(asked, { inputs: ['good'] })).toMatchObject({ version: 'v1' })
  // A made-up position is not waited for.
  const beyond = `sentiment?wait_for=${Number(position) + 1}`
  expect(await daemon.get(beyond)).toMatchObject({ code: 'REQUEST_INVALID', end: position })
  const config = join(daemon.folder, 'schemathesis.toml')
  writeFileSync(config, known)
  const { stdout } = await run(
    python,
    [
      ...['-m', 'schemathesis.cli', '--config-file', config],
      ...['run', `${daemon.url}/openapi.json`, '--checks', checks.join()],
      ...['--seed', '1', '--max-examples', String(DRAWN), '--continue-on-failure', '--no-shrink'],
      ...['--warnings', 'off', '--no-color'],
    ],
    // A proxy of the machine is not for this one.
    { cwd: daemon.folder, env: { ...process.env, NO_PROXY: '*' }, maxBuffer: 2 ** 26 },
  ).catch((error: unknown) => error as { stdout: string })
  expect(stdout).toContain('No issues found')
  expect(stdout).toMatch(/Tested: (\d+)\n/)
  expect((await fetch(`${daemon.url}/readyz`)).status).toBe(200)
}, 240_000)
