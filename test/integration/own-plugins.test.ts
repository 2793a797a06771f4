/** A daemon with a source of the user's own: the server checks it, and the trainer's process loads the module as well. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { oneDaemon } from './one-daemon.ts'

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
const settings = `plugins: [./my-source.mjs, ./my-trigger.mjs]
server: { port: 0 }
log: { level: warn }
models:
  m:
    base: { features: { size: 2 } }
    labels: [a, b]
    sources: [{ spool: { path: ./incoming, poll: 50ms } }]
    trigger: { policy: at-once }
`

const daemon = oneDaemon((folder) => {
  mkdirSync(join(folder, 'incoming'))
  writeFileSync(join(folder, 'my-source.mjs'), source)
  writeFileSync(join(folder, 'my-trigger.mjs'), trigger)
  writeFileSync(join(folder, 'antikythera.yaml'), settings)
})
const { folder, get } = daemon

test('an event that its source finds is learned when its trigger says so', async () => {
  const event = { id: 'e-1', source: 'test', input: { features: [1, 2] }, label: 'a' }
  writeFileSync(join(folder, 'incoming', '0001'), JSON.stringify(event))
  const model = await vi.waitUntil(
    async () => {
      const found = await get<{
        counts?: { learned: number }
        sources?: Readonly<Record<string, { records: number }>>
      }>('m')
      return found.counts?.learned === 1 ? found : undefined
    },
    { timeout: 60_000, interval: 200 },
  )
  expect(Object.keys(model.sources ?? {})).toEqual([`spool:${join(folder, 'incoming')}`])
  const versions = await fetch(`${daemon.url}/v1/models/m/versions`)
  expect(await versions.text()).toContain('my own trigger')
})
