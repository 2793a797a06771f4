/** Lets a language model practise on prompts, some at a time, and waits until each lot is learned, so that the next is answered by it. */
import { CodedError, type Json } from '../../contracts/core.ts'
import { isObject } from '../../payloads/reading.ts'
import { withDetails } from '../../platform/errors.ts'
import type { Practice } from '../../client/client.ts'
import type { ClientFlags } from '../flags.ts'
import { percent, print } from '../print.ts'
import { connectModel, type Connection } from '../remote/connect.ts'
import { waitForLearned } from '../remote/wait-for.ts'
import { said } from './predict.ts'
import { asJson, jsonLines, openLines } from './read-lines.ts'
import { withoutRows } from './send-event.ts'

export interface PracticeFlags extends ClientFlags {
  /** A prompt a line: a text, or JSON with `input` and, for the program, `facts`. */
  readonly file?: string
  readonly chat?: boolean
  readonly samples: number
  readonly rounds: number
  readonly maxTokens?: number
  /** How long a lot may take to be learned. */
  readonly retrySeconds: number
}

interface Prompt {
  readonly input: Json
  readonly facts?: Json
  readonly line: number
}

/** Prompts whose answers one version writes. */
const LOT = 8

export async function practice(flags: PracticeFlags): Promise<void> {
  const { file = '-', rounds } = flags
  const prompts = await promptsOf(flags)
  if (prompts.length === 0) throw withoutRows(file)
  const connected = await connectModel(flags)
  for (let round = 1; round <= rounds; round += 1)
    for (let from = 0; from < prompts.length; from += LOT)
      await practiseLot(connected, prompts.slice(from, from + LOT), { ...flags, round })
}

async function practiseLot(
  connected: Connection,
  lot: readonly Prompt[],
  flags: PracticeFlags & { readonly round: number },
): Promise<void> {
  const { samples, maxTokens, round, rounds, json, retrySeconds } = flags
  const practised: Practice[] = []
  for (const { input, facts, line } of lot)
    try {
      practised.push(
        await connected.api.practice({
          ...{ input, samples },
          ...(facts !== undefined && { facts }),
          ...(maxTokens !== undefined && { max_tokens: maxTokens }),
        }),
      )
    } catch (error) {
      if (!(error instanceof CodedError)) throw error
      throw withDetails(error, { line }, `line ${line}: ${error.message}`)
    }
  const position = practised.findLast((each) => each.position !== undefined)?.position
  const outcome = await waitForLearned(connected, position, retrySeconds)
  const answers = practised.flatMap((each) => each.answers)
  const reward = answers.reduce((sum, each) => sum + each.reward, 0) / answers.length
  const learned = practised.filter(({ event }) => event !== undefined).length
  const { version } = practised[0] ?? {}
  const shown = {
    ...{ round, prompts: lot.length, answers: answers.length, reward, learned },
    ...(version !== undefined && { version }),
    ...(outcome && { live: outcome.version }),
  }
  print(json, shown, () => [
    `${rounds > 1 ? `round ${round}: ` : ''}${answers.length} answers of ${version ?? 'no version'} to ${lot.length} prompts: reward ${percent(reward)}; ${
      learned === 0
        ? 'nothing to learn: the answers to each prompt are worth the same'
        : `${learned} prompts learned${outcome ? `, ${outcome.version} is live` : ''}`
    }`,
  ])
}

async function promptsOf({ file = '-', chat }: PracticeFlags): Promise<readonly Prompt[]> {
  const { stream } = await openLines(file)
  const isJson = /\.(jsonl|ndjson)$/i.test(file)
  const prompts: Prompt[] = []
  for await (const { text, number: line } of jsonLines(stream)) {
    const value = isJson ? asJson(text, line) : text
    const { input = value, facts } = isObject(value) ? value : {}
    prompts.push({ input: said(input, chat), ...(facts !== undefined && { facts }), line })
  }
  return prompts
}
