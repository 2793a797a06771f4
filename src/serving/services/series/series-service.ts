/**
 * How each model has been doing since this server started: one sample a second at most, and none while nothing changes.
 * Kept in memory and bounded, for people who watch; longer histories belong to a metrics database.
 */
import { rest, type Clock } from '../../../contracts/core.ts'
import { headlineOf } from '../../../evaluation/contract.ts'
import { failure } from '../../../platform/errors.ts'
import type { Limits } from '../../../platform/limits.ts'
import type { ServedModel, TrainerReport, TrainerView } from '../served-model.ts'
import { PartSeries, type PartKind, type PartLines } from './part-series.ts'
import { ThinnedSeries } from './thinned-series.ts'

export interface Sample {
  /** Rises with each sample of the server, over all models. */
  readonly id: number
  readonly timeMs: number
  /** The headline of the task on recent examples, each answered before it was learned; null before there is one. */
  readonly value: number | null
  /** What an answer without a model would have reached. */
  readonly baseline: number | null
  /** Examples so far. */
  readonly count: number
  readonly lag: number
  readonly pending: number
  /** Which version answers, and the generation of the live pointer; undefined until one does. */
  readonly version: string | undefined
  readonly generation: number | undefined
  /** Drift alarms since the model was created. */
  readonly alarms: number
  /** The state of the trainer. */
  readonly state: string
}

export interface SeriesWatch {
  /** Samples before the first call of the listener. */
  readonly before: readonly Sample[]
  readonly stop: () => void
}

export interface SeriesService {
  /** Calls `listener` for each new sample. Throws `MODEL_UNKNOWN`, and `WATCHERS_FULL` beyond `watchers` of the limits. */
  watch(model: string, after: number, listener: (sample: Sample) => void): SeriesWatch
  /** Looks at every model now. */
  sample(): void
  /** Looks once a second until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>
  /** How many watch now. */
  watchers(): number
  /** How each slice or source of a model has been doing. Throws `MODEL_UNKNOWN`. */
  parts(model: string, kind: PartKind): PartLines
  /** Samples kept of a model, and points of its parts. */
  size(model: string): { readonly samples: number; readonly parts: number }
}

export interface SeriesOptions {
  readonly models: readonly Pick<ServedModel, 'name' | 'live' | 'task'>[]
  readonly trainer: Pick<TrainerView, 'status'>
  readonly limits: Pick<Limits, 'samples' | 'part_samples' | 'watchers'>
  readonly clock: Clock
}

const SAMPLE_MS = 1000

type SampleLook = Omit<Sample, 'id' | 'timeMs'>

export function openSeries({ models, trainer, limits, clock }: SeriesOptions): SeriesService {
  // Ids of an earlier life of the server are smaller, so a client that resumes after a restart misses nothing.
  let next = clock.nowMs()
  const tracks = new Map(
    models.map((model) => [
      model.name,
      {
        model,
        series: new ThinnedSeries<Sample>(limits.samples),
        parts: new PartSeries(limits.part_samples),
        listeners: new Set<(sample: Sample) => void>(),
      },
    ]),
  )
  const trackOf = (name: string) => {
    const track = tracks.get(name)
    if (track !== undefined) return track
    throw failure('MODEL_UNKNOWN', 'there is no such model')
  }
  const watchers = () =>
    [...tracks.values()].reduce((sum, { listeners }) => sum + listeners.size, 0)

  function look(
    { live, task }: SeriesOptions['models'][number],
    { prequential, quality, lag, pending, alarms, state, isBlank }: TrainerReport,
  ): SampleLook | undefined {
    if (isBlank === true) return undefined
    const pointer = live.live()?.pointer
    const { recent, baseline } = headlineOf(task.view, prequential, quality)
    return {
      value: recent,
      baseline: baseline?.recent ?? null,
      count: prequential.count,
      ...{ lag, pending },
      version: pointer?.live.version,
      generation: pointer?.generation,
      alarms: alarms?.count ?? 0,
      state,
    }
  }

  function sample(): void {
    for (const { model, series, parts, listeners } of tracks.values()) {
      const report = trainer.status(model.name)
      parts.add(clock.nowMs(), report.quality)
      const now = look(model, report)
      if (now === undefined || (series.last !== undefined && isSame(series.last, now))) continue
      next += 1
      const added = { id: next, timeMs: clock.nowMs(), ...now }
      series.add(added)
      for (const listener of listeners) listener(added)
    }
  }

  return {
    sample,
    watchers,
    size(model) {
      const { series, parts } = trackOf(model)
      return { samples: series.size, parts: parts.size }
    },
    parts: (model, kind) => trackOf(model).parts.lines(kind),
    watch(model, after, listener) {
      const track = trackOf(model)
      if (watchers() >= limits.watchers)
        throw failure('WATCHERS_FULL', `${limits.watchers} clients watch already`)
      track.listeners.add(listener)
      return {
        before: track.series.all.filter(({ id }) => id > after || after > next),
        stop: () => void track.listeners.delete(listener),
      }
    },
    async run(signal) {
      while (!signal.aborted) {
        sample()
        await rest(clock, SAMPLE_MS, signal)
      }
    },
  }
}

function isSame(last: Sample, now: SampleLook): boolean {
  const { value, baseline, count, lag, pending, generation, alarms, state } = now
  return (
    last.value === value &&
    last.baseline === baseline &&
    last.count === count &&
    last.lag === lag &&
    last.pending === pending &&
    last.generation === generation &&
    last.alarms === alarms &&
    last.state === state
  )
}
