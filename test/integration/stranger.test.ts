/**
 * A stranger's module with an input, a base and a task of its own, through everything that ours go through: HTTP, trainer,
 * checkpoint, kill, restart, dead letter, and a file of the command line.
 */
import { copyFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'libsql'
import { expect, test } from 'vitest'
import { runCli } from '../cli/run-cli.ts'
import { oneDaemon } from './one-daemon.ts'

const daemon = oneDaemon((folder) => {
  copyFileSync(new URL('stranger.mjs', import.meta.url), join(folder, 'stranger.mjs'))
  writeFileSync(join(folder, 'events.jsonl'), '')
  writeFileSync(
    join(folder, 'antikythera.yaml'),
    `plugins: [./stranger.mjs]
server: { port: 0, surfaces: { hello: { greeting: hej }, openai: false } }
log: { level: warn }
models:
  m:
    base: grey
    task: { several: { tags: [bright, dark, left] } }
    adapter: { method: lora, rank: 2, tail_layers: all }
    train: { learning_rate: 0.05, epochs: 4 }
    sources: [{ http: {} }, { file: { path: ./events.jsonl } }]
  t:
    base: { grey: { picture_bytes: 0 } }
    task: { several: { tags: [bright, dark, left] } }
    adapter: { method: lora, rank: 2, tail_layers: all }
  texts:
    base: use-lite
    task: { several: { tags: [bright, dark] } }
    replay: { policy: er-ace }
`,
  )
})

/** Of a machine that does much else. */
const patience = { timeout: 120_000, interval: 100 }

const grid = (grey: (row: number, column: number) => number) =>
  Array.from({ length: 4 }, (_, row) => Array.from({ length: 4 }, (_, column) => grey(row, column)))
const lessons = [
  { input: { picture: grid(() => 250) }, tags: ['bright'] },
  { input: { picture: grid(() => 4) }, tags: ['dark'] },
  {
    input: { picture: grid((_, column) => (column % 2 === 0 ? 250 : 0)) },
    tags: ['left', 'bright'],
  },
]
/** As wide as it is in a message of more than 300 KB: beyond all that a text may be. */
const LARGE = 280
const large = (id: string, grey: number, tag: string) => ({
  id,
  input: { picture: Array.from({ length: LARGE }, () => Array<number>(LARGE).fill(grey)) },
  tags: [tag],
})
const events = (from: number, count: number) =>
  Array.from({ length: count }, (_, at) => ({ id: `e-${from + at}`, ...lessons[at % 3] }))

interface Described {
  readonly paths: Readonly<
    Record<
      string,
      {
        readonly post: {
          readonly requestBody: {
            readonly content: {
              readonly 'application/json': {
                readonly schema: { readonly anyOf?: readonly object[] }
              }
            }
          }
        }
      }
    >
  >
}

interface Model {
  readonly counts?: { readonly learned: number }
}

async function learned(count: number, model = 'm'): Promise<void> {
  await expect
    .poll(async () => (await daemon.get<Model>(model)).counts?.learned, patience)
    .toBe(count)
}

async function answers(): Promise<readonly (readonly string[])[]> {
  const inputs = lessons.map(({ input }) => input)
  const { predictions } = await daemon.post<{
    predictions: readonly { readonly tags: readonly string[] }[]
  }>('m/predict', { inputs })
  return predictions.map(({ tags }) => [...tags].sort())
}

const right = [['bright'], ['dark'], ['bright', 'left']]

/** What all tables of the model hold. */
function storedBytes(): number {
  const folder = join(daemon.folder, 'data', 'm')
  const sums = readdirSync(folder)
    .filter((file) => file.endsWith('.db'))
    .flatMap((file) => {
      const store = new Database(join(folder, file), { readonly: true })
      const columns = store
        .prepare(
          `SELECT t.name AS "table", c.name AS "column" FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table'`,
        )
        .all() as readonly { readonly table: string; readonly column: string }[]
      const lengths = columns.map(({ table, column }) => {
        const sum = `SELECT total(length(CAST("${column}" AS BLOB))) AS bytes FROM "${table}"`
        return (store.prepare(sum).get() as { readonly bytes: number }).bytes
      })
      store.close()
      return lengths
    })
  return sums.reduce((sum, bytes) => sum + bytes, 0)
}

/** An event, a body and a request may have one, for this model alone. */
async function takesLargePictures(): Promise<void> {
  const bright = large('large-0', 250, 'bright')
  const taught = [bright, large('large-1', 4, 'dark')]
  const before = storedBytes()
  for (const event of taught)
    expect(await daemon.post('m/feedback', event)).toMatchObject({ accepted: 1 })
  await learned(62)
  // The message in the inbox, and what the base made of it in the event log.
  const ratio = (storedBytes() - before) / JSON.stringify(taught).length
  expect(ratio).toBeGreaterThan(1)
  expect(ratio).toBeLessThan(2)
  expect(await daemon.post('m/predict', { inputs: [bright.input] })).toMatchObject({
    predictions: [{ tags: ['bright'] }],
  })
  const code = async (path: string, body: object) =>
    (await daemon.post<{ readonly code: string }>(path, body)).code
  const text = 'x'.repeat(200_000)
  const refusals = [
    code('t/feedback', bright),
    code('t/feedback', { input: text, tags: ['bright'] }),
    code('m/feedback', { input: text, tags: ['bright'] }),
    code('m/feedback', { prediction_id: 'p', tags: ['bright'], note: text }),
    code('m/predict', { inputs: Array.from({ length: 5 }, () => bright.input) }),
  ]
  expect(await Promise.all(refusals)).toEqual([
    'BODY_TOO_LARGE',
    'EVENT_TOO_LARGE',
    'INPUT_TOO_LONG',
    'EVENT_TOO_LARGE',
    'BODY_TOO_LARGE',
  ])
}

test(
  'what a stranger brings is served, learned, killed, restarted, refused and sent from a file',
  { timeout: 500_000 },
  async () => {
    expect(await daemon.get('m')).toMatchObject({
      reads: [{ name: 'picture', example: lessons[0]!.input.picture.map(() => [0, 0, 255, 255]) }],
      signals: [{ name: 'tags', about: 'input', words: { tags: 'array' } }],
    })
    expect(
      await daemon.post('m/predict', {
        inputs: [{ picture: grid((row, column) => 4 * row + column) }],
      }),
    ).toMatchObject({ predictions: [{ brightest: 15 }] })
    // 'phone' lies behind a character of two units, and 'é' is two characters that are one token's.
    const text = '🙂 phone caf\u0065\u0301'
    const { predictions } = await daemon.post<{
      predictions: readonly { readonly places: readonly number[] }[]
    }>('texts/predict', { inputs: [text] })
    const { places = [] } = predictions[0] ?? {}
    const words = places.flatMap((start, at) => (at % 2 ? [] : [text.slice(start, places[at + 1])]))
    expect(words.join('')).toBe(text.replaceAll(' ', ''))
    expect(words).toContain('phone')
    // In the second update the new examples compete among the columns that they name, beside replayed ones.
    for (const count of [1, 2]) {
      const event = { id: `text-${count}`, input: text, tags: ['bright', 'dark'] }
      await daemon.post('texts/feedback', event)
      await learned(count, 'texts')
    }
    const get = async (path: string) => fetch(new URL(path, daemon.url))
    const { paths } = (await (await get('/openapi.json')).json()) as Described
    const bodyOf = (route: string) =>
      paths[`/v1/models/{model}/${route}`]?.post.requestBody.content['application/json'].schema
    const picture = { type: 'array', minItems: 4, maxItems: 512 }
    expect(bodyOf('predict')).toMatchObject({
      properties: { inputs: { items: { properties: { picture } } } },
    })
    expect(bodyOf('feedback')?.anyOf?.[0]).toMatchObject({
      properties: { input: { properties: { picture } }, tags: { items: { maxLength: 20 } } },
    })
    expect(await (await get('/hello/models')).text()).toBe('hej m,t,texts')
    expect((await get('/v1/chat/completions')).status).toBe(404)
    const wrong = await daemon.post<{ code: string; detail: string }>('m/predict', {
      inputs: [{ picture: [[1]] }],
    })
    expect(wrong).toMatchObject({ code: 'REQUEST_INVALID' })
    expect(wrong.detail).toContain('a square of grey values')
    const refused = await daemon.post<{ code: string }>('m/feedback', {
      input: lessons[0]!.input,
      tags: ['blue'],
    })
    expect(refused).toMatchObject({ code: 'EVENT_INVALID' })

    expect(await daemon.post('m/feedback', { events: events(0, 60) })).toMatchObject({
      accepted: 60,
    })
    await learned(60)
    await expect.poll(answers, patience).toEqual(right)
    await takesLargePictures()

    await daemon.kill()
    const lines = [
      '{"picture": [[1]], "tags": []}',
      JSON.stringify({ input: { picture: 'x' }, tags: ['dark'] }),
      JSON.stringify(large('large-line', 4, 'dark')),
    ]
    writeFileSync(join(daemon.folder, 'events.jsonl'), `${lines.join('\n')}\n`)
    await daemon.start()
    await expect.poll(answers, patience).toEqual(right)
    await learned(63)
    await expect
      .poll(async () => JSON.stringify(await daemon.get('m/dead-letters')), patience)
      .toContain('a square of grey values')

    const file = join(daemon.folder, 'more.jsonl')
    writeFileSync(
      file,
      events(100, 30)
        .map((event) => JSON.stringify(event))
        .concat(JSON.stringify(large('large-file', 250, 'bright')))
        .join('\n'),
    )
    const sent = await runCli('feedback', 'm', '--url', daemon.url, '--file', file, '--json')
    expect(sent.json()).toMatchObject({ accepted: 31 })
    await learned(94)
  },
)
