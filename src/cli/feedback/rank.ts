/** Asks for one ranking and prints its items, with what to reward them by. */
import type { Json } from '../../contracts/core.ts'
import { defined } from '../../platform/defined.ts'
import { failure } from '../../platform/errors.ts'
import type { RankedChoice, Ranking } from '../../client/client.ts'
import type { ClientFlags } from '../flags.ts'
import { print, table } from '../print.ts'
import { connectModel } from '../remote/connect.ts'
import { jsonLines, openLines } from './read-lines.ts'

export interface RankFlags extends ClientFlags {
  readonly context: string
  /** JSON, or JSON Lines in a file. */
  readonly candidates?: string
  readonly file?: string
  readonly top?: number
  readonly seed?: string
  readonly version?: string
}

export async function rank(flags: RankFlags): Promise<void> {
  const { context, top, seed, version } = flags
  const candidates = await candidatesOf(flags)
  const { api } = await connectModel(flags)
  const more: Partial<RankedChoice> = defined({ top, seed, version })
  const answer = await api.rank({ context: jsonOr(context), candidates, ...more })
  print(flags.json, answer, () => linesOf(answer))
}

async function candidatesOf({ candidates, file = '-' }: RankFlags): Promise<readonly Json[]> {
  if (candidates !== undefined) {
    const given = jsonOr(candidates)
    if (Array.isArray(given)) return given as readonly Json[]
    throw failure('USAGE', `--candidates is a list: '[{"id": "tea", "input": {"price": 3}}]'`)
  }
  const { stream } = await openLines(file)
  const found: Json[] = []
  for await (const { text } of jsonLines(stream)) found.push(jsonOr(text))
  return found
}

/** What is no JSON is a text, which some bases read. */
function jsonOr(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return text
  }
}

function linesOf({ version, prediction_id: id, seed, ranking }: Ranking): string[] {
  const rows = ranking.map((item) => [
    String(item.position),
    item.id,
    `score ${item.score.toPrecision(3)}`,
    `propensity ${item.propensity.toPrecision(3)}`,
  ])
  const [first] = ranking
  const reward = `antikythera feedback --prediction-id ${id} --item ${first?.id ?? 'ID'} --reward 1`
  return [...table(rows), `${version}  seed ${seed}`, reward]
}
