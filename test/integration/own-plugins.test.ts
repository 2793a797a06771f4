/** A daemon with a source of the user's own: the server checks it, and the trainer's process loads the module as well. */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { entryUrl } from '../../src/platform/entry.ts'
import { ended, firstLine } from '../child.ts'
import { removed } from '../scratch-folder.ts'

const main = fileURLToPath(entryUrl('../../src/cli/main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'antikythera-own-'))
const readme = readFileSync(new URL('../../connectors/README.md', import.meta.url), 'utf8')
const [, source = ''] = /<!-- my-source.mjs -->\s*```js\n([^]*?)```/.exec(readme) ?? []
const trigger = `export const plugin = {
  kind: 'policy.trigger', name: 'at-once', summary: 'updates at every example', settings: {},
  open: () => ({
    needsScore: false,
    observe: () => ({ verdict: 'update', reason: 'my own trigger' }),
    snapshot: () => null,
    restore: () => undefined,
  }),
}`
let daemon: ChildProcess
let url = ''

beforeAll(async () => {
  mkdirSync(join(folder, 'incoming'))
  writeFileSync(join(folder, 'my-source.mjs'), source)
  writeFileSync(join(folder, 'my-trigger.mjs'), trigger)
  const config = join(folder, 'antikythera.yaml')
  writeFileSync(
    config,
    `plugins: [./my-source.mjs, ./my-trigger.mjs]
server: { port: 0 }
log: { level: warn }
models:
  m:
    base: { features: { size: 2 } }
    labels: [a, b]
    sources: [{ spool: { path: ./incoming, poll: 50ms } }]
    trigger: { policy: at-once }
`,
  )
  const args = [main, 'serve', '--config', config, '--json']
  daemon = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  url = (JSON.parse(await firstLine(daemon)) as { url: string }).url
})

afterAll(async () => {
  daemon.kill('SIGKILL')
  await ended(daemon)
  await removed(folder)
})

test('an event that its source finds is learned when its trigger says so', async () => {
  const event = { id: 'e-1', source: 'test', input: { features: [1, 2] }, label: 'a' }
  writeFileSync(join(folder, 'incoming', '0001'), JSON.stringify(event))
  const model = await vi.waitUntil(
    async () => {
      const answer = await fetch(`${url}/v1/models/m`)
      const found = (await answer.json()) as {
        counts?: { learned: number }
        sources?: Readonly<Record<string, { records: number }>>
      }
      return found.counts?.learned === 1 ? found : undefined
    },
    { timeout: 60_000, interval: 200 },
  )
  expect(Object.keys(model.sources ?? {})).toEqual([`spool:${join(folder, 'incoming')}`])
  const versions = await fetch(`${url}/v1/models/m/versions`)
  expect(await versions.text()).toContain('my own trigger')
})
