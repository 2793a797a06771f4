/** Pairs of texts and long documents through the whole daemon: taught, asked, corrected, refused and forgotten, over HTTP and on the command line. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runCli } from '../cli/run-cli.ts'
import { oneDaemon } from './one-daemon.ts'

const daemon = oneDaemon(`server: { port: 0 }
log: { level: warn }
models:
  same:
    base: { text-pair: { of: use-lite } }
    labels: ['no', 'yes']
    adapter: { method: ranpac, features: 64, ridge: 1 }
  near: { base: { text-pair: { of: use-lite } }, task: regression }
  clauses:
    base: { document: { of: use-lite } }
    max_tokens: 24
    task: multilabel
    labels: [price, court]
    train: { epochs: 20 }
    trigger: { policy: count, every: 12 }
`)
const { post } = daemon

interface Answered {
  readonly version: string
  readonly predictions: readonly {
    readonly id: string
    readonly label: string
    readonly value: number
    readonly because?: object[]
  }[]
}

const things = ['parcel', 'invoice', 'password', 'lamp', 'refund', 'phone']
const same = (thing: string) => ({
  text: `Where is my ${thing}?`,
  text_pair: `I wait for the ${thing}.`,
})
const other = (thing: string, at: number) => ({
  ...same(thing),
  text_pair: same(things[(at + 1) % things.length]!).text_pair,
})

test('pairs are taught and asked, and which one is the second counts', async () => {
  const events = things.flatMap((thing, at) => [
    { id: `s${at}`, source: 'desk', input: same(thing), label: 'yes' },
    { id: `o${at}`, source: 'desk', input: other(thing, at), label: 'no' },
  ])
  const receipt = await post<{ position: string; accepted: number }>('same/feedback', { events })
  expect(receipt.accepted).toBe(events.length)
  const asked = await post<Answered>(`same/predict?wait_for=${receipt.position}`, {
    inputs: events.map(({ input }) => input),
    because: 1,
  })
  const right = asked.predictions.filter(({ label }, at) => label === events[at]!.label)
  expect(right.length).toBeGreaterThan(9)
  expect(asked.predictions[0]!.because).toHaveLength(1)
  const fixed = await post<{ position: string }>('same/feedback', {
    prediction_id: asked.predictions[0]!.id,
    correction: 'no',
  })
  const after = await post<Answered>(`same/predict?wait_for=${fixed.position}`, {
    inputs: [same(things[0]!)],
  })
  expect(after.version).not.toBe(asked.version)
})

test('the command line takes pairs, and tables with a column for each text', async () => {
  const flags = ['--model', 'same', '--url', daemon.url]
  const { text, text_pair } = same('lamp')
  const asked = await runCli('predict', ...flags, '--pair', text, text_pair)
  expect(asked.stdout).toContain(`${text}  |  ${text_pair}`)
  expect((await runCli('predict', ...flags, '--pair', text)).stderr).toContain('two texts each')
  const table = join(daemon.folder, 'pairs.csv')
  writeFileSync(table, 'label,text_pair,text\nyes,"The lamp, please.",Where is the lamp?\nno,a,b\n')
  const sent = await runCli('feedback', 'same', '--file', table, '--wait', '--url', daemon.url)
  expect(sent.stdout).toContain('2 accepted')
  const one = ['feedback', 'same', '--text', 'a b', '--text_pair', 'c d', '--label', 'no', '--wait']
  expect((await runCli(...one, '--url', daemon.url)).stdout).toContain('learned')
})

test('how near two texts are is a number', async () => {
  const input = same('lamp')
  const { position } = await post<{ position: string }>('near/feedback', { input, value: 4.5 })
  const { predictions } = await post<Answered>(`near/predict?wait_for=${position}`, {
    inputs: [input],
  })
  expect(predictions[0]!.value).toBeCloseTo(4.5, 2)
})

test('what is no pair is refused at its place, and is not learned', async () => {
  expect(await post('same/predict', { inputs: ['a text'] })).toMatchObject({
    code: 'INPUT_WRONG_KIND',
  })
  expect(await post('same/predict', { inputs: [{ text_pair: 'b' }] })).toMatchObject({
    code: 'PAIR_INVALID',
    fix: expect.stringContaining('text_pair') as string,
  })
  const refused = await post('same/feedback', { input: { text: 'a', text_pair: '' }, label: 'yes' })
  expect(refused).toMatchObject({ code: 'INPUT_EMPTY' })
})

test('what a source taught of pairs is forgotten', async () => {
  const forgotten = await runCli(
    'forget',
    'same',
    '--source',
    'desk',
    '--url',
    daemon.url,
    '--json',
  )
  expect(forgotten.code, forgotten.stderr).toBe(0)
  expect(await post('same/predict', { inputs: [same('lamp')] })).toMatchObject({
    predictions: [{}],
  })
})

const flags = {
  price: ['The supplier may raise its prices at any time.', 'Prices can go up without notice.'],
  court: ['Disputes go to a court abroad.', 'A foreign court decides all disputes.'],
}
const rest = 'The parties meet each month to talk about the work and how it is going so far. '

/** The clause stands in the middle of other sentences. */
function contract(clauses: readonly string[]): string {
  return [rest.repeat(3), ...clauses.flatMap((clause) => [`${clause} `, rest.repeat(3)])].join(
    '\n\n',
  )
}

interface Parted {
  readonly predictions: readonly {
    readonly id: string
    readonly labels: readonly { readonly label: string }[]
    readonly parts: readonly {
      readonly answer: string
      readonly from: number
      readonly to: number
    }[]
  }[]
}

test('a document is taught, asked and corrected, and the answer names the part that decided', async () => {
  const events = [0, 1].flatMap((at) =>
    [[], ['price'], ['court'], ['price', 'court'], ['court', 'price'], []].map((labels, row) => ({
      ...{ id: `d${at}${row}`, source: 'desk', labels },
      input: { document: contract(labels.map((label) => flags[label as 'price'][at]!)) },
    })),
  )
  const { position } = await post<{ position: string }>('clauses/feedback', { events })
  const document = contract([flags.court[0]!, flags.price[0]!])
  const asked = await post<Parted>(`clauses/predict?wait_for=${position}`, {
    inputs: [{ document }, { document: rest }],
  })
  const [long, short] = asked.predictions
  expect(long?.labels.map(({ label }) => label).sort()).toEqual(['court', 'price'])
  for (const { answer, from, to } of long!.parts)
    expect(document.slice(from, to)).toContain(flags[answer as 'price'][0])
  expect(short).toMatchObject({ labels: [], parts: [] })
  expect(
    await post('clauses/feedback', { prediction_id: long!.id, labels: ['price'] }),
  ).toMatchObject({ accepted: 1 })
})

test('the command line takes the file of a document, and shows the part; another input is refused', async () => {
  const file = join(daemon.folder, 'contract.txt')
  const document = contract([flags.price[0]!])
  writeFileSync(file, document)
  const to = ['--url', daemon.url]
  const asked = await runCli('predict', '--model', 'clauses', '--document', file, ...to)
  expect(asked.stdout).toMatch(/contract\.txt\n {4}price by characters \d+ to \d+ /)
  const taught = await runCli(
    'feedback',
    'clauses',
    '--document',
    file,
    '--labels',
    '["price"]',
    ...to,
  )
  expect(taught.stdout).toContain('accepted')
  writeFileSync(file, Buffer.from([0xff, 0xfe, 0x00]))
  const binary = await runCli('predict', '--model', 'clauses', '--document', file, ...to)
  expect(binary.stderr).toContain('is no text in UTF-8')
  expect(await post('clauses/predict', { inputs: [{ features: { a: 1 } }] })).toMatchObject({
    code: 'INPUT_WRONG_KIND',
  })
  expect(await post('clauses/predict', { inputs: [{ document: ' ' }] })).toMatchObject({
    code: 'INPUT_EMPTY',
  })
})
