/**
 * How each model has been doing since this server started: one sample a second at most, and none while nothing changes.
 * Kept in memory and bounded, for people who watch; longer histories belong to a metrics database.
 */
import { rest, type Clock } from '../../../contracts/core.ts'
import { headlineOf } from '../../../evaluation/contract.ts'
import { failure } from '../../../platform/errors.ts'
import type { Limits } from '../../../platform/limits.ts'
import type { ServedModel, TrainerReport, TrainerView } from '../served-model.ts'
import type { PartKind, PartLines, Sample } from './contract.ts'
import type { QualityReport } from '../../../evaluation/contract.ts'

/**
 * A bounded series over the whole life of a process: fine where it is recent, coarser the older it is. When it is full,
 * every second sample of its older half is dropped, so that it never forgets the beginning and never grows.
 */
export class ThinnedSeries<Sample> {
  readonly #most: number
  #samples: Sample[] = []

  constructor(most: number) {
    this.#most = most
  }

  get size(): number {
    return this.#samples.length
  }

  /** Oldest first. */
  get all(): readonly Sample[] {
    return this.#samples
  }

  get last(): Sample | undefined {
    return this.#samples.at(-1)
  }

  add(sample: Sample): void {
    if (this.#samples.length >= this.#most) this.#thin()
    this.#samples.push(sample)
  }

  #thin(): void {
    const half = Math.ceil(this.#most / 2)
    this.#samples = this.#samples.filter((_sample, at) => at >= half || at % 2 === 0)
  }
}

/** By the name of the part. */
type Shares = ReadonlyMap<string, number>

interface Point {
  readonly timeMs: number
  readonly slice: Shares
  readonly source: Shares
}

interface Part {
  readonly name: string
  readonly count: number
  readonly share: number
}

/**
 * The recent accuracy of each slice and of each source over the life of this server: a point where the trainer reports
 * another count of examples. Bounded by 200 points of the parts that a report names.
 */
class PartSeries {
  readonly #points: ThinnedSeries<Point>
  #last: QualityReport | undefined
  #count = -1

  constructor(most: number) {
    this.#points = new ThinnedSeries(most)
  }

  get size(): number {
    return this.#points.size
  }

  add(timeMs: number, quality: QualityReport | undefined): void {
    if (quality === undefined || quality === this.#last) return
    this.#last = quality
    const sources = partsOf(quality, 'source')
    const count = sources.reduce((sum, part) => sum + part.count, 0)
    if (count === this.#count) return
    this.#count = count
    const [slice, source] = [sharesOf(partsOf(quality, 'slice')), sharesOf(sources)]
    this.#points.add({ timeMs, slice, source })
  }

  /** The parts of the last report: one that has lost its entry there has no line. */
  lines(kind: PartKind): PartLines {
    const parts = this.#last === undefined ? [] : partsOf(this.#last, kind)
    const points = this.#points.all.filter((point) => point[kind].size > 0)
    return {
      timesMs: points.map(({ timeMs }) => timeMs),
      lines: parts.map(({ name, count }) => ({
        ...{ name, count },
        values: points.map((point) => point[kind].get(name) ?? null),
      })),
    }
  }
}

function partsOf({ slices = [], sources }: QualityReport, kind: PartKind): readonly Part[] {
  return kind === 'source'
    ? sources.map(({ source, count, accuracy_recent: share }) => ({ name: source, count, share }))
    : slices.map(({ slice, count, accuracy_recent: share }) => ({ name: slice, count, share }))
}

/** Four digits are more than a line can show. */
function sharesOf(parts: readonly Part[]): Shares {
  return new Map(parts.map(({ name, share }) => [name, Math.round(share * 1e4) / 1e4]))
}

interface SeriesWatch {
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

interface SeriesOptions {
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
      version: pointer?.live.version ?? null,
      generation: pointer?.generation ?? null,
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
  return (Object.keys(now) as (keyof SampleLook)[]).every((key) => last[key] === now[key])
}
