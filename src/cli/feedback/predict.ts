/** Asks in requests of bounded size and prints the answers as they come, so that a long stdin streams through. */
import { CodedError, type Json } from '../../contracts/core.ts'
import { defined } from '../../platform/defined.ts'
import { failure, withDetails } from '../../platform/errors.ts'
import type { Because, Prediction, Predictions } from '../../client/client.ts'
import type { ClientFlags } from '../flags.ts'
import { connectModel, type Connection } from '../remote/connect.ts'
import { tableRows } from './csv.ts'
import { inputIn } from './payload-flags.ts'
import { formatOf, type FileFormat } from './file-format.ts'
import { percent, print, short } from '../print.ts'
import { asJson, jsonLines, openLines, textOf } from './read-lines.ts'
import { withoutRows } from './send-event.ts'

export interface PredictFlags extends ClientFlags {
  readonly version?: string
  readonly at?: string
  /** The live version answers without what this source has taught it. */
  readonly without?: string
  /** With each answer, this many of the learned examples that it rests on most. */
  readonly because?: number
  readonly features?: readonly string[]
  /** First and second texts in turn. */
  readonly pair?: readonly string[]
  /** Objects of fields, as JSON. */
  readonly fields?: readonly string[]
  /** Files of documents. */
  readonly document?: readonly string[]
  /** Files of pictures. */
  readonly image?: readonly string[]
  /** CSV with a header: one input a row. Otherwise one text a line. */
  readonly file?: string
  readonly format?: FileFormat
  /** Each text is what a user says, and the model answers it, rather than a text that it continues. */
  readonly chat?: boolean
}

const INPUTS_PER_REQUEST = 32
/** From so many characters on nothing more goes into a request: a picture is one by itself. */
const CHARACTERS_PER_REQUEST = 100_000

interface AskedInput {
  readonly input: Json
  /** Of the file. */
  readonly line?: number
  /** What stands for it beside its answer, in place of the input. */
  readonly shownAs?: string
}

export async function predict(texts: readonly string[], flags: PredictFlags): Promise<void> {
  const { features: vectors = [], image: pictures = [], pair: sides = [] } = flags
  const { document: documents = [] } = flags
  const { fields: several = [] } = flags
  const named = [
    ...vectors.flatMap((features) => inputIn({ features }) ?? []),
    ...several.flatMap((fields) => inputIn({ fields }) ?? []),
  ]
  const files = [
    ...pictures.map((image) => ({ input: inputIn({ image }) ?? null, shownAs: image })),
    ...documents.map((document) => ({ input: inputIn({ document }) ?? null, shownAs: document })),
  ]
  const connected = await connectModel(flags)
  const plain = (inputs: readonly Json[]) => inputs.map((input) => ({ input }))
  let block: AskedInput[] = [...plain(named), ...files, ...plain(pairsOf(sides)), ...plain(texts)]
  if (block.length === 0) {
    let isEmpty = true
    for await (const asked of inputsOf(flags)) {
      isEmpty = false
      block.push(asked)
      if (isFull(block)) block = await askAll(connected, block, flags)
    }
    if (isEmpty && flags.file !== undefined) throw withoutRows(flags.file)
  }
  await askAll(connected, block, flags)
}

function pairsOf(sides: readonly string[]): readonly Json[] {
  if (sides.length % 2 !== 0)
    throw failure('USAGE', `--pair takes two texts each, not ${sides.length} in all`, {
      fix: 'quote each text: --pair "The parcel is late." "My order has not arrived."',
    })
  return sides.flatMap((text, at) =>
    at % 2 === 0 ? [{ text, text_pair: sides[at + 1] ?? '' }] : [],
  )
}

/** A text as what a user says, where that is asked for. */
export function said(input: Json, chat = false): Json {
  if (!chat || typeof input !== 'string') return input
  return { messages: [{ role: 'user', content: input }] }
}

async function* inputsOf({ file = '-', format }: PredictFlags): AsyncGenerator<AskedInput> {
  const { stream } = await openLines(file)
  if (formatOf(file, format) === 'csv') {
    for await (const { input, line } of tableRows(textOf(stream)))
      if (input === undefined) process.stderr.write(`line ${line} has no input, and no answer\n`)
      else yield { input, line }
    return
  }
  const isJson = format === 'jsonl' || /\.(jsonl|ndjson)$/i.test(file)
  for await (const { text, number: line } of jsonLines(stream))
    yield { input: isJson ? asJson(text, line) : text, line }
}

/** Returns the inputs that are left to ask: none. */
async function askAll(
  { api }: Connection,
  asked: readonly AskedInput[],
  flags: PredictFlags,
): Promise<AskedInput[]> {
  for (const block of requestsOf(asked)) {
    const inputs = block.map(({ input }) => input)
    const { version, at, without, because } = flags
    const more = defined({ version, at, without, because })
    try {
      const answer = await api.predict(
        inputs.map((input) => said(input, flags.chat)),
        more,
      )
      print(flags.json, answer, () => linesOf(answer, block))
    } catch (error) {
      throw atLine(error, block)
    }
  }
  return []
}

function requestsOf(asked: readonly AskedInput[]): readonly (readonly AskedInput[])[] {
  const requests: AskedInput[][] = []
  for (const each of asked) {
    const last = requests.at(-1)
    if (last === undefined || isFull(last)) requests.push([each])
    else last.push(each)
  }
  return requests
}

function isFull(block: readonly AskedInput[]): boolean {
  const size = block.reduce((sum, { input }) => sum + JSON.stringify(input).length, 0)
  return block.length >= INPUTS_PER_REQUEST || size > CHARACTERS_PER_REQUEST
}

/** The daemon counts the inputs of one request; a person looks for a line of the file. */
function atLine(error: unknown, block: readonly AskedInput[]): unknown {
  if (!(error instanceof CodedError)) return error
  const [, at] = /^\/?inputs[/[](\d+)/.exec(error.message) ?? []
  const { line } = block[Number(at)] ?? {}
  return line === undefined ? error : withDetails(error, { line }, `line ${line}: ${error.message}`)
}

function linesOf({ version, predictions }: Predictions, asked: readonly AskedInput[]): string[] {
  return predictions.flatMap((prediction, index) => {
    const { id, tokens, because = [], sources = [] } = prediction
    const { input, shownAs = shown(input) } = asked[index] ?? {}
    return [
      `${answerOf(prediction)}  ${version}  ${id}  ${cutOf(tokens)}${shownAs}`,
      ...sources.map(
        (each) => `    from ${each.similarity.toFixed(3)}  ${each.source}  ${each.id}`,
      ),
      ...because.map(becauseLine),
      ...partLines(prediction, input),
    ]
  })
}

function becauseLine({ similarity, target, source, id }: Because): string {
  const taught = Object.entries(target).map(([word, value]) => `${word} ${shown(value)}`)
  return `    because ${similarity.toFixed(3)}  ${taught.join(', ')}  ${source}  ${id}`
}

/** Characters of a part that are shown. */
const PART = 80

function partLines({ parts = [] }: Prediction, input: unknown): readonly string[] {
  const whole = isOfDocument(input) ? Array.from(input.document) : []
  return parts.map(({ answer, from, to }) => {
    const begins = whole
      .slice(from, Math.min(to, from + PART))
      .join('')
      .trim()
    const more = to - from > PART ? '…' : ''
    return `    ${answer} by characters ${from} to ${to}  ${shown(begins)}${more}`
  })
}

function isOfDocument(input: unknown): input is { readonly document: string } {
  return typeof input === 'object' && input !== null && 'document' in input
}

/** Of an input that is no text. */
const MOST_SHOWN = 1000

/** A text as it is, on one line. */
function shown(input: unknown): string {
  const isOfText = typeof input === 'object' && input !== null && 'text' in input
  const text = isOfText ? input.text : input
  if (isOfText && 'text_pair' in input)
    return [input.text, input.text_pair].map(shown).join('  |  ')
  if (typeof text === 'string') return text.replace(/\s+/g, ' ')
  const whole = JSON.stringify(input)
  return whole.length > MOST_SHOWN ? `${whole.slice(0, MOST_SHOWN)}…` : whole
}

function answerOf(prediction: Prediction): string {
  const { label, labels, code, score = 0, unsure, value, text, spans } = prediction
  if (text !== undefined) return text
  if (spans !== undefined && code === undefined)
    return (
      spans.map((span) => `${span.label}: ${span.text.replace(/\s+/g, ' ')}`).join(', ') ||
      '(no span)'
    )
  if (labels !== undefined && code === undefined)
    return labels.map((each) => `${each.label} ${percent(each.score)}`).join(', ') || '(no label)'
  if (value !== undefined) return short(value)
  const shown = `${label ?? `(${code ?? 'no label'})`}  ${percent(score)}`
  return unsure === true ? `${shown} (unsure)` : shown
}

/** The answer is of the beginning of a text that is too long. */
function cutOf(tokens: Prediction['tokens']): string {
  if (tokens === undefined) return ''
  return `(read ${tokens.kept} of ${tokens.kept + tokens.dropped} tokens)  `
}
