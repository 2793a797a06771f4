/**
 * Accuracy over time, with a mark where another version began to answer and where drift was found. The marks can be
 * walked through with the slider below: that is the way of the keyboard, of a finger and of a screen reader.
 */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Live, Sample, Version } from './answers.tsx'
import { clockTime, share } from './format.tsx'

interface Props {
  /** What the line shows, as the task calls it. */
  readonly score: string
  readonly samples: readonly Sample[]
  readonly moves: readonly Live[]
  /** Where they are older than the samples, their scores begin the line. */
  readonly versions: readonly Version[]
  readonly onWhy: (version: string) => void
}

interface Point {
  readonly timeMs: number
  readonly accuracy: number
}

interface Mark extends Live {
  readonly timeMs: number
  /** Not by the trainer. */
  readonly isByPerson: boolean
}

const RANGES = [
  ['10 min', 600_000],
  ['1 h', 3_600_000],
  ['all', Infinity],
] as const
const HEIGHT = 200
const [TOP, RIGHT, BOTTOM, LEFT] = [18, 8, 20, 34]
/** Marks of the trainer that are nearer than this cannot be told apart. */
const NEAR_PX = 5
/** Room for the name of a mark. */
const NAME_PX = 70

export function Chart({ score, samples, moves, versions, onWhy }: Props) {
  const { box, width } = useWidth()
  const [range, setRange] = useState<number>(600_000)
  const [chosen, setChosen] = useState<number | undefined>()
  const points = pointsOf(samples, versions)
  const endMs = Math.max(Date.now(), points.at(-1)?.timeMs ?? 0)
  const startMs = Math.max(points[0]?.timeMs ?? endMs - 1000, endMs - range)
  const shown = within(points, startMs)
  const low = lowest(shown)
  const x = (timeMs: number) =>
    LEFT + ((timeMs - startMs) / Math.max(1, endMs - startMs)) * (width - LEFT - RIGHT)
  const y = (accuracy: number) => TOP + ((1 - accuracy) / (1 - low)) * (HEIGHT - TOP - BOTTOM)
  const marks = marksOf(moves, startMs)
  const at = chosen === undefined ? -1 : marks.findIndex((mark) => mark.generation === chosen)
  // Where nothing has changed for long, the last change is still why the live version is live.
  const mark = marks[at === -1 ? marks.length - 1 : at] ?? marksOf(moves.slice(0, 1), 0)[0]
  const names = namedOf(marks, mark?.generation, x)
  const steps = [low, (1 + low) / 2, 1]
  return (
    <section aria-labelledby="chart-title">
      <div class="heading">
        <h2 id="chart-title">Recent {score}</h2>
        <span role="group" aria-label="Time shown">
          {RANGES.map(([name, ms]) => (
            <button
              key={name}
              class="small"
              aria-pressed={range === ms}
              onClick={() => setRange(ms)}
            >
              {name}
            </button>
          ))}
        </span>
      </div>
      <div ref={box} class="chart">
        <svg
          width={width}
          height={HEIGHT}
          role="img"
          aria-label={summaryOf(score, shown, marks, alarmsOf(samples, startMs).length)}
        >
          {steps.map((step) => (
            <g key={step} class="axis">
              <line x1={LEFT} x2={width - RIGHT} y1={y(step)} y2={y(step)} />
              <text x={LEFT - 6} y={y(step) + 4} text-anchor="end">
                {share(step).replace(/0+$/, '').replace(/\.$/, '')}
              </text>
            </g>
          ))}
          <text class="time" x={LEFT} y={HEIGHT - 4}>
            {clockTime(startMs)}
          </text>
          <text class="time" x={width - RIGHT} y={HEIGHT - 4} text-anchor="end">
            now
          </text>
          {thinned(marks, x).map((each) => (
            <MarkLine
              key={each.generation}
              mark={each}
              at={x(each.timeMs)}
              name={names.get(each.generation)}
              isChosen={each.generation === mark?.generation}
              onChoose={() => setChosen(each.generation)}
            />
          ))}
          {shown.length > 0 && <path class="line" d={pathOf(shown, endMs, x, y)} />}
          {alarmsOf(samples, startMs).map((timeMs) => (
            <path key={timeMs} class="alarm" d={`M${x(timeMs)},${HEIGHT - BOTTOM}l5,-9h-10z`}>
              <title>drift alarm, {clockTime(timeMs)}</title>
            </path>
          ))}
        </svg>
      </div>
      {shown.length === 0 && <p class="note">No feedback has come yet.</p>}
      {mark !== undefined && (
        <div class="scrub">
          <input
            type="range"
            min={0}
            max={Math.max(0, marks.length - 1)}
            disabled={marks.length === 0}
            value={at === -1 ? marks.length - 1 : at}
            aria-label="Changes of the version"
            aria-valuetext={`${mark.version}, ${clockTime(mark.timeMs)}, ${mark.by}`}
            onInput={(event) => setChosen(marks[Number(event.currentTarget.value)]?.generation)}
          />
          <p>
            <button
              class="link"
              aria-label={`${mark.version}: why`}
              onClick={() => onWhy(mark.version)}
            >
              {mark.version}
            </button>{' '}
            <time dateTime={mark.since}>{clockTime(mark.timeMs)}</time> by {mark.by}: {mark.reason}
          </p>
        </div>
      )}
    </section>
  )
}

function MarkLine(props: {
  readonly mark: Mark
  readonly at: number
  /** Absent: there is no room for it. */
  readonly name: string | undefined
  readonly isChosen: boolean
  readonly onChoose: () => void
}) {
  const { mark, at, name, isChosen, onChoose } = props
  const kind = `mark${mark.isByPerson ? ' person' : ''}${isChosen ? ' chosen' : ''}`
  return (
    <g class={kind} onClick={onChoose}>
      <line x1={at} x2={at} y1={TOP - 4} y2={HEIGHT - BOTTOM} />
      <rect class="target" x={at - 8} width={16} y={0} height={HEIGHT - BOTTOM} />
      {name !== undefined && (
        <text x={at} y={11} text-anchor={at > 60 ? 'end' : 'start'}>
          {name}
        </text>
      )}
      <title>
        {mark.version}, {clockTime(mark.timeMs)}
      </title>
    </g>
  )
}

/** Empty where a command changed no version, such as a pause. */
function nameOf({ by, version, canary, shadow }: Mark): string {
  if (by === 'rollback') return `↩ ${version}`
  if (by === 'promote') return version
  if (by === 'canary' && canary !== undefined) return `canary ${canary.version}`
  if (by === 'shadow' && shadow !== undefined) return `shadow ${shadow.version}`
  return ''
}

/** The marks that have room for their name: the chosen one, and others from the newest on. */
function namedOf(
  marks: readonly Mark[],
  chosen: number | undefined,
  x: (timeMs: number) => number,
): ReadonlyMap<number, string> {
  const names = new Map<number, string>()
  const taken: number[] = []
  const isFree = (at: number) => taken.every((other) => Math.abs(at - other) >= NAME_PX)
  const ordered = marks.toReversed().toSorted((one, other) => {
    return Number(other.generation === chosen) - Number(one.generation === chosen)
  })
  for (const mark of ordered) {
    const isChosen = mark.generation === chosen
    const name = nameOf(mark) || (isChosen ? mark.version : '')
    if (name === '' || !isFree(x(mark.timeMs))) continue
    taken.push(x(mark.timeMs))
    names.set(mark.generation, name)
  }
  return names
}

function useWidth() {
  const box = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(600)
  useEffect(() => {
    const { current } = box
    if (current === null) return undefined
    const observer = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setWidth(Math.max(200, Math.floor(entry.contentRect.width)))
    })
    observer.observe(current)
    return () => {
      observer.disconnect()
    }
  }, [])
  return { box, width }
}

function pointsOf(samples: readonly Sample[], versions: readonly Version[]): readonly Point[] {
  const live = samples.filter(({ count }) => count > 0)
  const first = live[0]?.timeMs ?? Infinity
  const older = versions
    .filter(({ scores }) => scores.count > 0)
    .map(({ created, scores }) => ({
      timeMs: Date.parse(created),
      accuracy: scores.accuracy_recent,
    }))
    .filter(({ timeMs }) => timeMs < first)
    .reverse()
  return [...older, ...live]
}

/** Those in the range, and the last one before it, moved to its edge. */
function within(points: readonly Point[], startMs: number): readonly Point[] {
  const before = points.findLast(({ timeMs }) => timeMs < startMs)
  const inside = points.filter(({ timeMs }) => timeMs >= startMs)
  return before === undefined ? inside : [{ ...before, timeMs: startMs }, ...inside]
}

/** A tenth below the lowest point, so that small changes show. */
function lowest(points: readonly Point[]): number {
  const least = Math.min(0.9, ...points.map(({ accuracy }) => accuracy))
  return Math.max(0, Math.floor(least * 10 - 0.5) / 10)
}

/** A value holds until it changes: a pause is a level line, not a slope. */
const PAUSE_MS = 3000

function pathOf(
  points: readonly Point[],
  endMs: number,
  x: (timeMs: number) => number,
  y: (accuracy: number) => number,
): string {
  let path = ''
  let last: number | undefined
  for (const { timeMs, accuracy } of points) {
    const [right, down] = [x(timeMs).toFixed(1), y(accuracy).toFixed(1)]
    if (last === undefined) path = `M${right},${down}`
    else path += timeMs - last > PAUSE_MS ? `H${right}V${down}` : `L${right},${down}`
    last = timeMs
  }
  return `${path}H${x(endMs).toFixed(1)}`
}

function marksOf(moves: readonly Live[], startMs: number): readonly Mark[] {
  return moves
    .map((move) => ({
      ...move,
      timeMs: Date.parse(move.since),
      isByPerson: move.by !== 'trainer' && move.by !== 'start',
    }))
    .filter(({ timeMs }) => timeMs >= startMs)
    .reverse()
}

function thinned(marks: readonly Mark[], x: (timeMs: number) => number): readonly Mark[] {
  let last = -Infinity
  return marks.filter(({ timeMs, isByPerson }) => {
    const isFar = x(timeMs) - last >= NEAR_PX
    if (isFar) last = x(timeMs)
    return isFar || isByPerson
  })
}

function alarmsOf(samples: readonly Sample[], startMs: number): readonly number[] {
  return samples
    .filter((sample, at) => at > 0 && sample.alarms > (samples[at - 1]?.alarms ?? 0))
    .map(({ timeMs }) => timeMs)
    .filter((timeMs) => timeMs >= startMs)
}

function summaryOf(
  score: string,
  points: readonly Point[],
  marks: readonly Mark[],
  alarms: number,
): string {
  const last = points.at(-1)
  if (last === undefined) return `no ${score} yet`
  const values = points.map(({ accuracy }) => accuracy)
  const span = `between ${share(Math.min(...values))} and ${share(Math.max(...values))}`
  return `${score} ${share(last.accuracy)} now, ${span}; ${marks.length} changes of the version; ${alarms} drift alarms`
}
