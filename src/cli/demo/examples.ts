/**
 * `demo --example NAME`: a use case of `deploy/examples`, played against the real daemon through its HTTP API.
 *
 * A case is a folder with a configuration (`antikythera.yaml`), rows that a seed draws (`rows.mjs`) and a script (`case.mjs`). The
 * script exports a `summary` and `play`, which teaches, asks and returns the tables to show. Everything else is here: the bases, the
 * daemon, the waiting, the progress and the printing.
 */
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { styleText } from 'node:util'
import {
  openClient,
  type ModelClient,
  type Predictions,
  type Quality,
} from '../../client/client.ts'
import { loadConfig, type Config } from '../../config/config.ts'
import type { Clock, Json, Random } from '../../contracts/core.ts'
import type { OffPolicyReport } from '../../contracts/release.ts'
import { offPolicyReport, type PolicyChoice } from '../../evaluation/off-policy.ts'
import { failure } from '../../platform/errors.ts'
import { openRandom } from '../../platform/random.ts'
import { packageRoot } from '../../platform/entry.ts'
import { missingBases } from '../local/init.ts'
import { pullModels } from '../local/models.ts'
import { print, table } from '../print.ts'
import { waitForLearned } from '../remote/wait-for.ts'
import { type Demonstration, perform, startStage } from './demonstrate.ts'
import type { DemoProgress } from './progress.ts'

/** What `case.mjs` exports. */
export interface ExampleCase {
  /** What it shows, in one line of the list. */
  readonly summary: string
  readonly play: (stage: ExampleStage) => Promise<readonly ExampleTable[]>
}

export interface ExampleStage {
  /** Every draw comes from here, so that a seed gives the same rows. */
  readonly random: Random
  /** A test asks for as few rows as show that everything runs. */
  readonly small: boolean
  /** Says what comes next, on stderr. */
  readonly say: (line: string) => void
  /** Where a case asks and teaches in small parts: from its first call to the next line the parts show no progress of their own. */
  readonly progress: (done: number, total: number, what: string) => void
  /** The same one each time, so that no event has the id of an earlier one, which it would replace. */
  readonly model: (name: string) => ExampleModel
  /** What a policy would have earned on logged choices: the estimates of the gate `off-policy`. */
  readonly worth: (choices: readonly PolicyChoice[]) => OffPolicyReport
}

export interface ExampleModel {
  /** Sends the events and waits until a version that has learned them answers: the version. Absent ids are numbered. */
  readonly teach: (events: readonly Readonly<Record<string, Json>>[]) => Promise<string>
  /** The answers to the inputs, in order. */
  readonly ask: (
    inputs: readonly Json[],
    more?: Parameters<ModelClient['predict']>[1],
  ) => Promise<Predictions['predictions']>
  readonly quality: () => Promise<Quality>
  /** Everything else that the daemon can do. */
  readonly api: ModelClient
}

/** Of the cells, a number is a share, shown in per cent; anything else is a text. The first cell names the row. */
export interface ExampleTable {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly [string, ...(string | number)[]])[]
}

const folderOf = (...parts: readonly string[]) => join(packageRoot, 'deploy', 'examples', ...parts)

/** In alphabetical order. */
export function exampleNames(): readonly string[] {
  return readdirSync(folderOf())
    .filter((name) => existsSync(folderOf(name, 'case.mjs')))
    .sort()
}

export async function openExample(name: string): Promise<ExampleCase> {
  return (await import(pathToFileURL(folderOf(name, 'case.mjs')).href)) as ExampleCase
}

/** `flags`: overrides of its configuration, as `--set` writes them. */
export function exampleConfig(name: string, flags: readonly string[] = []): Config {
  return loadConfig(folderOf(name, 'antikythera.yaml'), { flags })
}

export async function listExamples(json?: boolean): Promise<void> {
  const examples = await Promise.all(
    exampleNames().map(async (name) => ({ name, summary: (await openExample(name)).summary })),
  )
  print(json, { examples }, () => [
    'npm run demo -- --example NAME, with one of these names:',
    '',
    ...table(examples.map(({ name, summary }) => [`  ${name}`, summary])),
  ])
}

export async function demonstrateExample(name: string, options: Demonstration): Promise<void> {
  const names = exampleNames()
  if (!names.includes(name))
    throw failure('USAGE', `there is no example ${name}; there are ${names.join(', ')}`, {
      fix: 'antikythera demo --example lists them',
    })
  const { dataDir, port, seed } = options
  const config = exampleConfig(name, [
    `data_dir=${dataDir}`,
    `seed=${seed}`,
    'server.host=127.0.0.1',
    `server.port=${port}`,
    'log.level=warn',
  ])
  const missing = missingBases(config).map(({ base }) => base)
  if (missing.length > 0) await pullModels(missing, {})
  await perform(options, async (parts) => {
    const models = Object.keys(config.models)
    parts.progress.say(`starting the daemon with ${models.join(' and ')}`)
    const url = await startStage(parts, config)
    const result = await playExample({ ...parts, name, url, models })
    return {
      lines: result.tables.flatMap(tableLines),
      answer: { example: name, ...result },
      serving: [...models.map((model) => `  ${url}/v1/models/${model}`), `  ${url}/docs`],
    }
  })
}

export interface PlayedExample {
  readonly name: string
  readonly url: string
  /** Those of the case, shown in the last table. */
  readonly models: readonly string[]
  readonly seed: number
  readonly small?: boolean
  readonly clock: Clock
  readonly progress: DemoProgress
}

export async function playExample(played: PlayedExample): Promise<{
  readonly tables: readonly ExampleTable[]
}> {
  const { name, url, models, seed, small = false, progress } = played
  const client = openClient({ url, timeoutMs: 1000 * LONGEST_SECONDS })
  const { play } = await openExample(name)
  let isOwn = false
  const ofParts: DemoProgress = {
    ...progress,
    update: (...shown) => {
      if (!isOwn) progress.update(...shown)
    },
  }
  const opened = new Map<string, ExampleModel>()
  const open = (model: string) => modelOf(client.model(model), { ...played, progress: ofParts })
  const tables = await play({
    random: openRandom(seed, name),
    worth: offPolicyReport,
    small,
    say: (line) => {
      isOwn = false
      progress.say(line)
    },
    progress: (done, total, what) => {
      isOwn = true
      progress.update(done, total, what)
    },
    model: (model) => {
      const known = opened.get(model) ?? open(model)
      opened.set(model, known)
      return known
    },
  })
  const learned = await Promise.all(
    models.map(async (model) => {
      const { counts, live } = await client.model(model).describe()
      const { accepted, learned } = counts
      return [model, String(accepted), String(learned), live?.version ?? '-'] as const
    }),
  )
  const columns = ['events', 'learned', 'answers with']
  return { tables: [...tables, { title: 'models', columns, rows: learned }] }
}

const LONGEST_SECONDS = 600
/** Inputs of one request, and events. */
const AT_ONCE = 16
/** Of so many events or inputs the progress is shown. */
const MANY = 40

function modelOf(api: ModelClient, { clock, progress, name }: PlayedExample): ExampleModel {
  let sent = 0
  return {
    api,
    quality: async () => api.quality(),
    async teach(events) {
      let position: string | undefined
      for (let from = 0; from < events.length; from += AT_ONCE) {
        const some = events
          .slice(from, from + AT_ONCE)
          .map((event) => ({ id: `${name}-${(sent += 1)}`, source: 'example', ...event }))
        const answer = await api.feedback({ events: some })
        const [refused] = answer.rejected
        if (refused) throw new Error(`${api.name} refused an event: ${JSON.stringify(refused)}`)
        position = answer.position ?? position
      }
      return learnedAt(position, events.length)
    },
    async ask(inputs, more) {
      const answers: Predictions['predictions'][number][] = []
      for (let from = 0; from < inputs.length; from += AT_ONCE) {
        const { predictions } = await api.predict(inputs.slice(from, from + AT_ONCE), more)
        answers.push(...predictions)
        if (inputs.length >= MANY) progress.update(answers.length, inputs.length, 'answered')
      }
      return answers
    },
  }

  async function learnedAt(position: string | undefined, total: number): Promise<string> {
    const stop = new AbortController()
    const shown = total < MANY ? undefined : showLearned(stop.signal, total)
    try {
      const outcome = await waitForLearned({ api }, position, LONGEST_SECONDS)
      return outcome?.version ?? ''
    } finally {
      stop.abort()
      await shown
    }
  }

  async function showLearned(signal: AbortSignal, total: number): Promise<void> {
    while (!signal.aborted) {
      // The wait itself reports what goes wrong.
      const { lag } = await api.describe().catch(() => ({ lag: total }))
      progress.update(Math.max(0, total - lag), total)
      await clock.sleep(200)
    }
  }
}

function tableLines({ title, columns, rows }: ExampleTable): readonly string[] {
  const cells = rows.map((row) =>
    row.map((cell) => (typeof cell === 'number' ? share(cell) : cell)),
  )
  const names = Math.max(...cells.map(([name = '']) => name.length)) + 2
  const widths = columns.map(
    (column, at) => Math.max(column.length, ...cells.map((row) => row[at + 1]?.length ?? 0)) + 2,
  )
  const line = ([name = '', ...others]: readonly string[]) =>
    `  ${name.padEnd(names)}${others.map((cell, at) => cell.padStart(widths[at] ?? 0)).join('')}`
  return ['', styleText('bold', title), line(['', ...columns]), ...cells.map(line)]
}

function share(ratio: number): string {
  return Number.isNaN(ratio) ? '-' : `${(100 * ratio).toFixed(1)} %`
}
