/** What each source of events sent: how right it was answered, and what it is worth to a model in closed form. */
import { CodedError } from '../../contracts/core.ts'
import type { Quality, SourceWorths } from '../../client/client.ts'
import type { ClientFlags } from '../flags.ts'
import { percent, print, table } from '../print.ts'
import { systemClock } from '../../platform/clock.ts'
import { connectModel } from './connect.ts'
import { FEWEST } from './status-table.ts'

export interface SourcesFlags extends ClientFlags {
  /** Accuracy of the model without each of them. */
  readonly worth?: boolean
}

export async function showSources(flags: SourcesFlags): Promise<void> {
  const { api } = await connectModel(flags)
  if (flags.worth !== true) {
    const { sources } = await api.quality()
    print(flags.json, { model: api.name, sources }, () =>
      table([SOURCE_HEAD, ...sources.map(sourceRow)]),
    )
    return
  }
  const answer = await whenAnswered(async () => api.sources())
  print(flags.json, answer, () => worthLines(answer))
}

/** A hundred heads may take longer than a request: the trainer keeps what it has computed. */
const [AGAIN_MS, MOST_MS] = [1000, 600_000]

async function whenAnswered<Result>(ask: () => Promise<Result>): Promise<Result> {
  const untilMs = systemClock.monotonicMs() + MOST_MS
  for (;;)
    try {
      return await ask()
    } catch (error) {
      const isBusy = error instanceof CodedError && error.code === 'TRAINER_BUSY'
      if (!isBusy || systemClock.monotonicMs() > untilMs) throw error
      await systemClock.sleep(AGAIN_MS)
    }
}

function worthLines({ model, version, examples, from, rows, sources }: SourceWorths): string[] {
  return [
    `${version} of ${model}: ${examples} examples, scored on ${rows} ${from} rows; of each source on those that it did not bring`,
    ...table([
      ['source', 'examples', 'rows', 'accuracy', 'without it', 'worth', 'agreement'],
      ...sources.map((each) => [
        each.source ?? '(others)',
        ...[each.examples, each.rows].map(String),
        ...[each.accuracy, each.accuracy_without].map(percent),
        pointsText(each.worth),
        each.agreement === undefined ? '-' : percent(each.agreement),
      ]),
    ]),
  ]
}

function pointsText(share: number): string {
  return `${share < 0 ? '−' : '+'}${percent(Math.abs(share))}`
}

type SourceRow = Quality['sources'][number]

export const SOURCE_HEAD = ['source', 'examples', 'accuracy', 'recent']

export function sourceRow({ source, count, ...shares }: SourceRow): string[] {
  const isFew = count < FEWEST
  return [
    source,
    String(count),
    ...[shares.accuracy, shares.accuracy_recent].map((share) => (isFew ? '-' : percent(share))),
  ]
}
