/**
 * Operations that a test walks through: each is done on a subject, a model of a running daemon with inputs of a kind, and answers or
 * throws the code that a caller gets. Specimens of every task and of every kind of input.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import type { ModelClient } from '../../src/client/client.ts'
import { parseConfig } from '../../src/config/config.ts'
import { modelProblems, openCheaply } from '../../src/config/model-problems.ts'
import { CodedError, type Json } from '../../src/contracts/core.ts'
import { type inputs, signals, type tasks } from '../../src/plugins.ts'
import { meansFile, picture } from '../bases/pictures.ts'
import { runCli } from '../cli/run-cli.ts'
import { root } from '../deploy/files.ts'
import { scratchFolder } from '../scratch-folder.ts'

export type TaskName = keyof typeof tasks
export type InputName = keyof typeof inputs
export type SignalName = keyof typeof signals
type Fields = Readonly<Record<string, Json>>

export interface Specimen {
  readonly task: TaskName
  /** The model in a config. */
  readonly model: Readonly<Record<string, unknown>>
  /** Inputs that differ by their number. */
  readonly input: (at: number) => Fields
  /** The same on the command line, and as the columns of a table; absent = as in an event. */
  readonly flags?: () => Fields
  readonly columns?: () => Fields
  readonly taught: SignalName
  readonly correction: Json
  /** Layers that its adapter may reach. */
  readonly tail: number
}

const bert = { bert: join(root, 'test/reference/tiny-bert/bfloat') }
const llama = { causal: join(root, 'test/reference/tiny-causal/llama') }
const text = (at: number) => ({ text: `the phone ${at} is fine` })
/** Of each text. */
const THING = { start: 4, end: 9, label: 'thing' }
const item = (at: number) => ({ price: at % 3 })

export const specimens: Readonly<Record<TaskName, Specimen>> = {
  classification: {
    task: 'classification',
    model: { base: bert, labels: ['good', 'bad'] },
    ...{ input: text, taught: 'label', correction: 'bad', tail: 1 },
  },
  multilabel: {
    task: 'multilabel',
    model: { base: bert, task: 'multilabel', labels: ['good', 'bad'] },
    ...{ input: text, taught: 'labels', correction: ['bad'], tail: 1 },
  },
  spans: {
    task: 'spans',
    model: { base: bert, task: 'spans', labels: { open: true } },
    ...{ input: text, taught: 'spans', correction: [THING], tail: 1 },
  },
  regression: {
    task: 'regression',
    model: { base: bert, task: 'regression' },
    ...{ input: text, taught: 'value', correction: 2, tail: 1 },
  },
  ranking: {
    task: 'ranking',
    model: {
      base: {
        pair: { context: { schema: { hour: 'number' } }, item: { schema: { price: 'number' } } },
      },
      task: { ranking: { reward_window: '1h' } },
    },
    input: (at) => ({ choice: { context: { hour: at % 24 }, item: item(at) } }),
    ...{ taught: 'reward', correction: 1, tail: 0 },
  },
  generation: {
    task: 'generation',
    model: {
      base: llama,
      adapter: { method: 'lora', tail_layers: 1 },
      task: { generation: { max_tokens: 4 } },
    },
    ...{ input: text, taught: 'completion', correction: 'fine', tail: 1 },
  },
}

const grey = await picture(4, 4, (x, y) => 40 * x + 9 * y)
  .png()
  .toBuffer()
function greyFile(): Fields {
  const path = join(scratchFolder(), 'grey.png')
  writeFileSync(path, grey)
  return { image: path }
}

function textFile(): Fields {
  const path = join(scratchFolder(), 'long.txt')
  writeFileSync(path, 'the phone is fine')
  return { document: path }
}

const labelled: Pick<Specimen, 'task' | 'taught' | 'correction' | 'tail'> = {
  task: 'classification',
  taught: 'label',
  correction: 'bad',
  tail: 0,
}
const classes = { labels: ['good', 'bad'], adapter: { method: 'head' } }

/** A model that reads inputs of the kind. */
export const specimensOfInputs = (): Readonly<Record<InputName, Specimen>> => ({
  text: specimens.classification,
  features: {
    ...labelled,
    model: { ...classes, base: { features: { schema: { width: 'number', height: 'number' } } } },
    input: (at) => ({ features: { width: at, height: 1 } }),
    columns: () => ({ width: 3, height: 1 }),
  },
  text_pair: {
    ...labelled,
    model: { ...classes, base: { 'text-pair': { of: 'use-lite' } } },
    input: (at) => ({ ...text(at), text_pair: 'it is fine' }),
  },
  image: {
    ...labelled,
    model: { ...classes, base: { onnx: { file: meansFile(scratchFolder()), fit: 'squeeze' } } },
    input: () => ({ image: grey.toString('base64') }),
    flags: greyFile,
    columns: greyFile,
  },
  document: {
    ...labelled,
    model: { ...classes, base: { document: { of: 'use-lite', pool: 'mean' } } },
    input: (at) => ({ document: `the phone ${at} is fine` }),
    flags: textFile,
    columns: textFile,
  },
  fields: {
    ...labelled,
    model: {
      ...classes,
      base: { fields: { schema: { amount: 'number' }, bases: { note: 'use-lite' } } },
    },
    input: (at) => ({ fields: { amount: at, note: 'fine' } }),
    columns: () => ({ 'fields.amount': 3, 'fields.note': 'fine' }),
  },
  messages: {
    ...specimens.generation,
    input: (at) => ({ messages: [{ role: 'user', content: `the phone ${at} is fine` }] }),
  },
  choice: specimens.ranking,
})

export interface ServedAnswer {
  readonly prediction_id: string
  /** Of a ranking: the first item. */
  readonly item: string
}

/** What an event of each kind says; of an answer it names the answer. */
export const said: Readonly<Record<SignalName, (answer: ServedAnswer) => Fields>> = {
  label: () => ({ label: 'good' }),
  labels: () => ({ labels: ['good'] }),
  yes_no: () => ({ yes: ['good'], no: ['bad'] }),
  value: () => ({ value: 3 }),
  completion: () => ({ completion: 'fine' }),
  preference: () => ({ chosen: 'fine', rejected: 'bad' }),
  answers: () => ({
    answers: [
      { text: 'fine', reward: 1 },
      { text: 'bad', reward: 0 },
    ],
  }),
  spans: () => ({ spans: [THING] }),
  add_spans: () => ({ add_spans: [THING] }),
  remove_spans: () => ({ remove_spans: [THING] }),
  rating: () => ({ rating: 1 }),
  reward: ({ item }) => ({ item, reward: 1 }),
  shown: ({ item }) => ({ shown: item }),
}

export interface Subject extends Specimen {
  /** Of the model. */
  readonly name: string
  readonly url: string
  readonly config: string
  readonly folder: string
  readonly api: ModelClient
  /** The same task in closed form, if there is one. */
  readonly sums: ModelClient
  /** A number that no input had. */
  next(): number
}

const SOURCE = 'operations'
export const NO_ANSWER: ServedAnswer = { prediction_id: 'p', item: 'a' }

async function ask({ task, api, input, next }: Subject): Promise<ServedAnswer> {
  if (task !== 'ranking') {
    const { predictions } = await api.predict([input(next())])
    return { prediction_id: predictions[0]!.id, item: 'a' }
  }
  const candidates = ['a', 'b'].map((id) => ({ id, input: item(next()) }))
  const { prediction_id, ranking } = await api.rank({ context: { hour: 9 }, candidates })
  return { prediction_id, item: ranking[0]!.id }
}

interface Lesson {
  readonly id: string
  /** An input, or the answer to one. */
  readonly about: Fields
  readonly says: Fields
}

export async function lessonOf(subject: Subject, kind: SignalName): Promise<Lesson> {
  const id = `${kind}-${subject.next()}`
  if (signals[kind].about === 'input')
    return { id, about: { input: subject.input(subject.next()) }, says: said[kind](NO_ANSWER) }
  const answer = await ask(subject)
  return { id, about: { prediction_id: answer.prediction_id }, says: said[kind](answer) }
}

const eventOf = ({ id, about, says }: Lesson): Fields => ({ id, source: SOURCE, ...about, ...says })

/** Sends it and waits until it is learned; throws what a sender would see, at once or in its receipt. */
export async function learn({ api }: Pick<Subject, 'api'>, lesson: Lesson): Promise<void> {
  const { rejected, position } = await api.feedback({ events: [eventOf(lesson)] })
  if (rejected[0]) throw refusal(rejected[0].code)
  await api.describe({ wait_for: position! })
  // An item that was shown waits until its reward comes or its window ends.
  const ends = ['learned', 'held_out', ...('shown' in lesson.says ? ['waiting'] : [])]
  await vi.waitUntil(
    async () => {
      const { state, code } = await api.receipt(lesson.id, { source: SOURCE })
      if (code !== undefined) throw refusal(code)
      return ends.includes(state)
    },
    { timeout: 60_000 },
  )
}

export function refusal(code: string): CodedError {
  return new CodedError(code, code)
}

async function post({ url }: Subject, path: string, body: object): Promise<void> {
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (response.ok) return
  const { error } = (await response.json()) as { readonly error: { readonly code: string } }
  throw refusal(error.code)
}

async function command(...args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await runCli(...args, '--json')
  if (code === 0) return
  const found = /"code":"([A-Z_]+)"/.exec(stdout + stderr)?.[1]
  throw refusal(found ?? `exit code ${code}`)
}

const cell = (value: Json) => (typeof value === 'string' ? value : JSON.stringify(value))

/** The input by its kind, or the answer. */
function shownBy({ input, ...answer }: Fields, own: (() => Fields) | undefined): Fields {
  if (input === undefined) return answer
  return own?.() ?? (input as Fields)
}

/** In this order: a rollback and a request to forget change what the later ones find. */
export const operations: Readonly<Record<string, (subject: Subject) => Promise<unknown>>> = {
  'answer: predict': async ({ api, input, next }) => api.predict([input(next())]),
  'answer: with because': async ({ api, input, next }) => {
    const { predictions } = await api.predict([input(next())], { because: 1 })
    expect(predictions[0]!.because).toHaveLength(1)
  },
  'answer: rank': async ({ api }) =>
    api.rank({ context: { hour: 9 }, candidates: [{ id: 'a', input: item(1) }] }),
  'answer: /v1/chat/completions': async (subject) =>
    post(subject, '/v1/chat/completions', {
      model: subject.name,
      messages: [{ role: 'user', content: 'fine' }],
    }),
  'answer: /v1/embeddings': async (subject) =>
    post(subject, '/v1/embeddings', { model: subject.name, input: 'fine' }),
  ...Object.fromEntries(
    (Object.keys(signals) as SignalName[]).map((kind) => [
      `feedback: ${kind}`,
      async (subject: Subject) => learn(subject, await lessonOf(subject, kind)),
    ]),
  ),
  'feedback: correction': async (subject) => {
    const { prediction_id } = await ask(subject)
    const { correction } = subject
    await learn(subject, { id: 'correction', about: { prediction_id }, says: { correction } })
  },
  'feedback: retraction': async (subject) => {
    const lesson = await lessonOf(subject, subject.taught)
    await learn(subject, lesson)
    const { id } = lesson
    await subject.api.feedback({ events: [{ id, source: SOURCE, retract: true }] })
    await expect
      .poll(async () => (await subject.api.receipt(id, { source: SOURCE })).state)
      .toBe('retracted')
  },
  'feedback: flags of the command': async (subject) => {
    const { about, says } = await lessonOf(subject, subject.taught)
    const flags = Object.entries({ ...shownBy(about, subject.flags), ...says }).flatMap(
      ([word, value]) => [`--${word.replace('prediction_id', 'prediction-id')}`, cell(value)],
    )
    await command('feedback', subject.name, '--url', subject.url, ...flags)
  },
  'feedback: a CSV file': async (subject) => {
    const { about, says } = await lessonOf(subject, subject.taught)
    const event = Object.entries('input' in about ? says : { ...about, ...says }).map(
      ([word, value]) => [word === 'label' ? word : `event.${word}`, value] as const,
    )
    const row = {
      ...('input' in about && shownBy(about, subject.columns)),
      ...Object.fromEntries(event),
    }
    const quoted = Object.values(row).map((value) => `"${cell(value).replaceAll('"', '""')}"`)
    const path = join(subject.folder, `${subject.name}.csv`)
    writeFileSync(path, `${Object.keys(row).join()}\n${quoted.join()}\n`)
    await command('feedback', subject.name, '--url', subject.url, '--file', path)
  },
  evaluate: async (subject) =>
    subject.api.evaluate({ rows: [eventOf(await lessonOf(subject, subject.taught))] }),
  quality: async ({ api }) =>
    expect.poll(async () => (await api.quality()).events).toBeGreaterThan(0),
  'metrics: the headline': async ({ url, name }) => {
    const metrics = await (await fetch(`${url}/metrics`)).text()
    expect(metrics).toMatch(
      new RegExp(`^antikythera_prequential_\\w+\\{.*model="${name}".*\\} `, 'm'),
    )
  },
  'worth of sources, in closed form': async (subject) => {
    const { input, next, taught, sums } = subject
    await check(subject, CLOSED_FORM)
    // Half of them are held out, to score what is left without a source.
    for (let row = 0; row < 8; row += 1) {
      const about = { input: input(next()) }
      await learn({ api: sums }, { id: `sums-${row}`, about, says: said[taught](NO_ANSWER) })
    }
    return sums.sources()
  },
  rollback: async ({ api }) => {
    const { versions } = await api.versions()
    const to = versions[1]!.version
    expect((await api.rollBack({ to, reason: 'a test' })).live).toBe(to)
  },
  forget: async (subject) => {
    const { api } = subject
    const lesson = await lessonOf(subject, subject.taught)
    await learn(subject, lesson)
    const { request } = await api.forget({ source: SOURCE, id: lesson.id })
    await expect
      .poll(async () => (await api.forgetRequest(request)).state, { interval: 20 })
      .toBe('done')
  },
  'export for PEFT': async ({ name, config, folder }) => {
    const to = join(folder, `${name}-peft`)
    await command('export', '--config', config, '--model', name, '--to', to)
    expect(
      existsSync(join(to, 'adapter_config.json')) ||
        existsSync(join(to, 'adapter_model.safetensors')),
    ).toBe(true)
  },
  'import from PEFT': async ({ name, config, folder }) =>
    command('import', join(folder, `${name}-peft`), '--config', config, '--model', name),
}

export const CLOSED_FORM = {
  adapter: { method: 'ranpac', features: 64 },
  evaluation: { held_out: { share: 0.5 } },
}

/** What `config check` does with the part in a model like the specimen's. */
export async function check(
  { model, tail, input, taught }: Specimen,
  part: Readonly<Record<string, unknown>>,
): Promise<void> {
  const folder = scratchFolder()
  const golden = { input: input(1), ...said[taught](NO_ANSWER) }
  writeFileSync(join(folder, 'golden.jsonl'), JSON.stringify(golden))
  const { adapter } = part
  const reach = typeof adapter === 'object' && { adapter: { tail_layers: tail, ...adapter } }
  const models = { m: { ...model, ...part, ...reach } }
  const config = parseConfig(JSON.stringify({ data_dir: folder, models }), folder)
  const [problem] = await modelProblems(config, openCheaply)
  if (problem) throw refusal(problem.code ?? 'CONFIG_INVALID')
}

export async function outcome(work: () => Promise<unknown>): Promise<string> {
  try {
    await work()
    return 'yes'
  } catch (error) {
    if (error instanceof CodedError) return `\`${error.code}\``
    throw error
  }
}
