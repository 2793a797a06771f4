/**
 * The product of tasks and operations, and of kinds of inputs with both. Each cell is executed, and is `yes` or the code that a caller
 * gets; src/tasks/operations.md has the tables, which `npm run docs` writes. A task, a kind of feedback or a kind of input without a
 * specimen (operations.ts) fails.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startDaemon } from '../../src/app/daemon.ts'
import { openClient } from '../../src/client/client.ts'
import { parseConfig } from '../../src/config/config.ts'
import { openLog } from '../../src/platform/log.ts'
import { inputs, methods, policies, signals, tasks } from '../../src/plugins.ts'
import { root } from '../deploy/files.ts'
import { generated } from '../docs/documents.ts'
import { markdownTable } from '../docs/tables.ts'
import { scratchFolder } from '../scratch-folder.ts'
import {
  check,
  CLOSED_FORM,
  type InputName,
  learn,
  lessonOf,
  operations,
  outcome,
  said,
  type Specimen,
  specimens,
  specimensOfInputs,
  type TaskName,
} from './operations.ts'

/** What the tests below found, by the names of the tables of the document. */
const tables = new Map<string, readonly (readonly string[])[]>()

const RANK = 'answer: rank'
const WORTH = 'worth of sources, in closed form'

/** A column for each of the specimens. */
async function tried(
  all: Readonly<Record<string, Specimen>>,
  names: readonly string[],
): Promise<readonly (readonly string[])[]> {
  const folder = scratchFolder()
  const config = join(folder, 'antikythera.json')
  const trigger = { policy: 'count', every: 1 }
  const models: Record<string, object> = {}
  for (const [name, specimen] of Object.entries(all)) {
    const { model } = specimen
    models[name] = { ...model, trigger }
    await check(specimen, {})
    if (!names.includes(WORTH)) continue
    const refused = await outcome(async () => check(specimen, CLOSED_FORM))
    if (refused === 'yes') models[`${name}-sums`] = { ...model, ...CLOSED_FORM, trigger }
  }
  const log = openLog({ level: 'silent' })
  writeFileSync(
    config,
    JSON.stringify({
      ...{ data_dir: join(folder, 'data'), server: { port: 0 }, models },
      // A trainer has a low priority, and other tests run beside this one.
      limits: { request_ms: 240_000 },
    }),
  )
  const daemon = await startDaemon(parseConfig(readFileSync(config, 'utf8'), folder), { log })
  try {
    await daemon.ready()
    const client = openClient({ url: daemon.url })
    let inputs = 0
    const columns: string[][] = []
    // One after the other: the commands share the standard output.
    for (const [name, specimen] of Object.entries(all)) {
      const next = () => (inputs += 1)
      const subject = {
        ...specimen,
        name,
        url: daemon.url,
        config,
        folder,
        api: client.model(name),
        sums: client.model(`${name}-sums`),
        next,
      }
      await learn(subject, await lessonOf(subject, subject.taught))
      await learn(subject, await lessonOf(subject, subject.taught))
      const column: string[] = []
      for (const operation of names)
        column.push(await outcome(async () => operations[operation]!(subject)))
      columns.push(column)
    }
    return names.map((name, at) => [name, ...columns.map((column) => column[at]!)])
  } finally {
    await daemon.close()
  }
}

test('every task is tried with every operation', async () => {
  expect(Object.keys(specimens).sort()).toEqual(Object.keys(tasks).sort())
  expect(Object.keys(said).sort()).toEqual(Object.keys(signals).sort())
  const ordered = Object.fromEntries(
    (Object.keys(tasks) as TaskName[]).map((name) => [name, specimens[name]] as const),
  )
  tables.set('operations', await tried(ordered, Object.keys(operations)))
}, 300_000)

test('every kind of input is tried with every operation, and with every task', async () => {
  const names = Object.keys(inputs) as InputName[]
  const specimensOf = specimensOfInputs()
  expect(Object.keys(specimensOf).sort()).toEqual([...names].sort())
  // Those of texts and choices are in the other table; which signals there are depends on the task.
  const others = names.filter((name) => name !== 'text' && name !== 'choice')
  const isOfInputs = (name: string) =>
    !(name.startsWith('feedback: ') && name.slice(10) in signals) && ![RANK, WORTH].includes(name)
  const chosen = Object.fromEntries(others.map((name) => [name, specimensOf[name]] as const))
  tables.set('inputs', await tried(chosen, Object.keys(operations).filter(isOfInputs)))
  const rows: string[][] = []
  for (const name of names) {
    const { input, model } = specimensOf[name]
    const cells: string[] = []
    for (const task of Object.keys(tasks) as TaskName[]) {
      const { model: own, ...specimen } = specimens[task]
      const { adapter: _, ...asked } = own
      const subject = { ...specimen, input, model: { ...asked, base: model.base } }
      cells.push(await outcome(async () => check(subject, {})))
    }
    rows.push([`\`${name}\``, ...cells])
  }
  tables.set('pairs', rows)
}, 300_000)

/** Each part that a config chooses by name, and a few keys: what a model says of it. */
const parts: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  ...Object.fromEntries(
    Object.keys(methods).map((method) => [`adapter: ${method}`, { adapter: { method } }]),
  ),
  ...Object.fromEntries(
    Object.entries(policies).flatMap(([kind, table]) =>
      Object.keys(table).map((policy) => [`${kind}: ${policy}`, { [kind]: { policy } }]),
    ),
  ),
  'promotion: golden': { promotion: { policy: 'golden', file: './golden.jsonl' } },
  'evaluation: held_out': { evaluation: { held_out: { share: 0.1 } } },
  'defence: enabled': { defence: { enabled: true } },
  'train: average': { train: { average: 0.9 } },
  'quantize: int8': { quantize: 'int8' },
  shards: { shards: 2, adapter: { method: 'ranpac' } },
}

test('every part that a config names is tried with every task', async () => {
  const names = Object.keys(tasks) as TaskName[]
  const rows: string[][] = []
  for (const [part, settings] of Object.entries(parts)) {
    const cells: string[] = []
    for (const name of names)
      cells.push(await outcome(async () => check(specimens[name], settings)))
    rows.push([`\`${part}\``, ...cells])
  }
  tables.set('parts', rows)
})

test('the document has the tables as they came out', async () => {
  const path = 'src/tasks/operations.md'
  const file = join(root, path)
  const head = (names: readonly string[]) => ['', ...names.map((name) => `\`${name}\``)]
  const kinds = Object.keys(inputs).filter((name) => name !== 'text' && name !== 'choice')
  const written = Object.fromEntries(
    [...tables].map(
      ([name, rows]) =>
        [
          name,
          () => markdownTable([head(name === 'inputs' ? kinds : Object.keys(tasks)), ...rows]),
        ] as const,
    ),
  )
  const text = await generated(path, readFileSync(file, 'utf8'), written)
  await expect(text, `${path} is not up to date: run npm run docs`).toMatchFileSnapshot(file)
})
