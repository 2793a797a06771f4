/** Asks in requests of bounded size and prints the answers as they come, so that a long stdin streams through. */
import { createInterface } from 'node:readline'
import type { Json } from '../contracts.ts'
import { failure } from '../runtime/errors.ts'
import { modelPath, type JsonObject } from './client.ts'
import type { ClientFlags } from './flags.ts'
import { connectModel, type Connected } from './connect.ts'
import { percent, print } from './print.ts'

export interface PredictFlags extends ClientFlags {
  readonly version?: string
  readonly features?: readonly string[]
}

const INPUTS_PER_REQUEST = 32

interface Prediction {
  readonly id: string
  readonly label: string | null
  readonly code?: string
  readonly score: number
  readonly tokens?: { readonly kept: number; readonly dropped: number }
}

export async function predict(texts: readonly string[], flags: PredictFlags): Promise<void> {
  const vectors = (flags.features ?? []).map(vectorOf)
  const connected = await connectModel(flags)
  let block: Json[] = [...vectors, ...texts]
  if (block.length === 0) {
    for await (const line of createInterface({ input: process.stdin })) {
      if (line.trim() === '') continue
      block.push(line)
      if (block.length === INPUTS_PER_REQUEST) block = await askAll(connected, block, flags)
    }
  }
  await askAll(connected, block, flags)
}

/** Answers what is left to ask: nothing. */
async function askAll(
  { client, model }: Connected,
  inputs: readonly Json[],
  flags: PredictFlags,
): Promise<Json[]> {
  for (let from = 0; from < inputs.length; from += INPUTS_PER_REQUEST) {
    const some = inputs.slice(from, from + INPUTS_PER_REQUEST)
    const version = flags.version === undefined ? {} : { version: flags.version }
    const answer = await client.post(modelPath(model, 'predict'), { inputs: some, ...version })
    print(flags.json, answer, () => linesOf(answer, some))
  }
  return []
}

function linesOf(answer: JsonObject, inputs: readonly Json[]): string[] {
  const { version, predictions } = answer as JsonObject & {
    version: string
    predictions: readonly Prediction[]
  }
  return predictions.map(({ label, code, score, id, tokens }, index) => {
    const input = inputs[index]
    const shown = typeof input === 'string' ? input : JSON.stringify(input)
    return `${label ?? `(${code ?? 'no label'})`}  ${percent(score)}  ${version}  ${id}  ${cutOf(tokens)}${shown}`
  })
}

/** The answer is of the beginning of a text that is too long. */
function cutOf(tokens: Prediction['tokens']): string {
  if (tokens === undefined) return ''
  return `(read ${tokens.kept} of ${tokens.kept + tokens.dropped} tokens)  `
}

function vectorOf(text: string): Json {
  const features = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
  if (features.every(Number.isFinite)) return { features }
  throw failure('USAGE', `--features ${text}: give numbers with commas between them`)
}
