/** Each case of deploy/examples in a small form: its script against the real daemon, on bases that cost nothing. */
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { parse } from 'yaml'
import { startDaemon } from '../../src/app/daemon.ts'
import {
  demonstrateExample,
  exampleConfig,
  exampleNames,
  openExample,
  playExample,
} from '../../src/cli/demo/examples.ts'
import { parseConfig } from '../../src/config/config.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openLog } from '../../src/platform/log.ts'
import { rejection } from '../coded.ts'
import { meansFile } from '../bases/pictures.ts'
import { root } from '../deploy/files.ts'
import { removed, scratchFolder } from '../scratch-folder.ts'

const examples = join(root, 'deploy/examples')
const names = exampleNames()

function configOf(name: string): string {
  return readFileSync(join(examples, name, 'antikythera.yaml'), 'utf8')
}

const folder = mkdtempSync(join(tmpdir(), 'antikythera-examples-'))

type Settings = Readonly<Record<string, unknown>>

const tiny = { causal: join(root, 'test/reference/tiny-causal/llama') }
/** The bases of the cases are downloads; these come with the packages. */
const smaller: Readonly<Record<string, Settings>> = {
  'e5-small': { base: 'use-lite', adapter: { method: 'ranpac', features: 256 } },
  minilm: { base: 'use-lite', adapter: { method: 'ranpac', features: 256 } },
  smollm2: { base: tiny, adapter: { method: 'lora', tail_layers: 1 } },
  'efficientnet-lite0': {
    base: { onnx: { file: meansFile(folder) } },
    adapter: { method: 'head' },
  },
}

/** Of tasks that closed forms do not learn. */
const reaching = { base: 'use-lite', adapter: { method: 'lora', tail_layers: 1 } }
const withoutSums: readonly unknown[] = ['multilabel', 'spans']

/** With those that it stands on. */
function small(base: unknown): unknown {
  if (typeof base === 'string') return smaller[base]?.base ?? base
  if (typeof base !== 'object' || base === null || Array.isArray(base)) return base
  return Object.fromEntries(Object.entries(base).map(([name, part]) => [name, small(part)]))
}

/** A closed form of as many features as there are rows costs more than all of them. */
function few(adapter: unknown): unknown {
  return typeof adapter === 'object' && adapter !== null && 'features' in adapter
    ? { ...adapter, features: 64 }
    : adapter
}

/** The models of all cases, in one daemon. */
const models = Object.fromEntries(
  names.flatMap((name) => {
    const written = parse(configOf(name)) as { readonly models: Readonly<Record<string, Settings>> }
    return Object.entries(written.models).map(([model, settings]) => {
      const base = typeof settings.base === 'string' ? smaller[settings.base] : undefined
      const change = base && withoutSums.includes(settings.task) ? reaching : base
      const adapter = few(settings.adapter)
      const memory = settings.memory !== undefined && { ...settings.memory, embedding: 'use-lite' }
      return [
        model,
        {
          ...{ ...settings, base: small(settings.base), ...(adapter !== undefined && { adapter }) },
          ...{ ...change, ...(memory && { memory }) },
          trigger: { policy: 'count', every: 8, rest: '100ms' },
        },
      ]
    })
  }),
)

let daemon: Awaited<ReturnType<typeof startDaemon>>

beforeAll(async () => {
  const config = {
    data_dir: folder,
    server: { port: 0 },
    limits: { generation_texts: 16 },
    models,
  }
  daemon = await startDaemon(parseConfig(JSON.stringify(config), root), {
    log: openLog({ level: 'silent' }),
  })
  await daemon.ready()
})

afterAll(async () => {
  await daemon.close()
  await removed(folder)
})

test.each(names)(
  'the case %s plays against the real daemon, and its table is whole',
  async (name) => {
    const said: string[] = []
    const fetched = vi.spyOn(globalThis, 'fetch')
    const { tables } = await playExample({
      ...{ name, url: daemon.url, seed: 1, small: true, clock: systemClock },
      models: Object.keys(exampleConfig(name).models),
      progress: { say: (line) => said.push(line), update: () => undefined },
    })
    const sent = fetched.mock.calls.flatMap(([url, init]) => sentIn(addressed(url), init?.body))
    fetched.mockRestore()
    const numbered = sent.filter((event) => new RegExp(` ${name}-\\d+$`).test(event))
    expect(new Set(numbered).size, 'a number replaces no earlier one').toBe(numbered.length)
    expect(said.length).toBeGreaterThan(0)
    for (const { title, columns, rows } of tables) {
      expect(rows.length, title).toBeGreaterThan(0)
      for (const [row, ...cells] of rows) {
        expect(cells.length, row).toBe(columns.length)
        for (const cell of cells)
          if (typeof cell === 'number') expect(cell >= 0 && cell <= 1, `${row}: ${cell}`).toBe(true)
      }
    }
    const learned = tables.at(-1)!.rows.map(([, , count]) => Number(count))
    expect(Math.min(...learned)).toBeGreaterThan(0)
  },
)

const addressed = (url: string | URL | Request) => (url instanceof Request ? url.url : String(url))

/** The model and id of each event that the request sends. */
function sentIn(url: string, body: unknown): readonly string[] {
  if (!url.endsWith('/feedback') || typeof body !== 'string') return []
  const { events = [] } = JSON.parse(body) as { readonly events?: readonly { id?: string }[] }
  return events.flatMap(({ id }) => (id === undefined ? [] : [`${url} ${id}`]))
}

test.each(names)('the case %s says what it shows, in a page and in the list', async (name) => {
  const { summary } = await openExample(name)
  expect(summary.length).toBeLessThan(130)
  const page = readFileSync(join(examples, name, 'README.md'), 'utf8')
  expect(page).toContain(`npm run demo -- --example ${name}`)
  expect(page.split('\n').length).toBeLessThan(90)
  expect(existsSync(join(examples, name, 'rows.mjs'))).toBe(true)
  const list = readFileSync(join(examples, 'README.md'), 'utf8')
  expect(list).toContain(`](${name}/README.md)`)
  expect(list).toContain(`](${name}/table.svg)`)
})

test.each(names)('the picture of %s is of the table on its page: pictures.mjs', async (name) => {
  const { pictureOf } = (await import(join(examples, 'pictures.mjs'))) as {
    readonly pictureOf: (page: string) => string
  }
  const [page, picture] = ['README.md', 'table.svg'].map((file) =>
    readFileSync(join(examples, name, file), 'utf8'),
  )
  expect(picture).toBe(pictureOf(page!))
  expect(picture!.length).toBeLessThan(60_000)
})

test('an unknown case is refused with the names of all', async () => {
  const options = { dataDir: scratchFolder(), seed: 1, port: 0 }
  expect(await rejection(demonstrateExample('nothing', options))).toMatchObject({
    code: 'USAGE',
    message: `there is no example nothing; there are ${names.join(', ')}`,
  })
})
