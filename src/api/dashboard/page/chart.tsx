/**
 * The headline over the judged examples or over time, with a mark where another version began to answer and where drift was
 * found. The marks can be walked through with the slider below: that is the way of the keyboard, of a finger and of a screen
 * reader.
 */
import type { PartLines, Sample } from '../../../serving/services/series/contract.ts'
import { useState } from 'preact/hooks'
import type { Headline, PastMove } from '../../../client/answers.ts'
import { clockTime, figure, number, plural, whole } from './format.tsx'
import { useFresh } from './client.tsx'
import { Legend, PartPaths, useParts, type By } from './parts.tsx'
import {
  BOTTOM,
  HEIGHT,
  judgedAt,
  LEFT,
  lineEnd,
  PAUSE_MS,
  pathOf,
  pointsOf,
  rangeOf,
  RIGHT,
  TOP,
  useWidth,
  within,
  alarmsOf,
  MarkLine,
  marksOf,
  namedOf,
  thinned,
  type Point,
  type Mark,
} from './scale.tsx'

interface Props {
  readonly name: string
  readonly headline: Headline
  /** The task's name for the score, which the lines of parts show. */
  readonly score: string
  readonly samples: readonly Sample[]
  readonly moves: readonly PastMove[]
  /** The kinds of parts that have lines of their own. */
  readonly kinds: readonly Exclude<By, 'all'>[]
  /** Whether more may be asked for: what is seen first comes first. */
  readonly isSettled: boolean
  readonly onWhy: (version: string) => void
}

/** The widths of each axis: judged examples, or milliseconds. */
const RANGES = {
  events: [
    ['100', 100],
    ['1,000', 1000],
    ['all', Infinity],
  ],
  time: [
    ['10 min', 600_000],
    ['1 h', 3_600_000],
    ['all', Infinity],
  ],
} as const
type Axis = keyof typeof RANGES

const AXES = [
  ['by example', 'events'],
  ['by time', 'time'],
] as const

export function Chart({ name, headline, score, samples, moves, kinds, isSettled, onWhy }: Props) {
  const { box, width } = useWidth()
  const [axis, setAxis] = useState<Axis>('events')
  const [ranges, setRanges] = useState<Readonly<Record<Axis, number>>>({
    events: 1000,
    time: 600_000,
  })
  const [chosen, setChosen] = useState<number | undefined>()
  const [by, setBy] = useState<By>('all')
  const range = ranges[axis]
  const isBegun =
    axis === 'time' && samples[0] !== undefined && samples[0].timeMs <= Date.now() - range
  // The line begins with the scores of versions from before this server started.
  const query = `model=${encodeURIComponent(name)}`
  const earlier = useFresh<{ points: readonly Point[] }>(
    isSettled && !isBegun ? `dashboard/earlier?${query}` : undefined,
    name,
  )
  const answer = useFresh<PartLines>(
    by === 'all' ? undefined : `dashboard/parts?${query}&by=${by}`,
    samples.at(-1)?.count,
  )
  const parts = useParts(answer.answer, by)
  const points = pointsOf(samples, earlier.answer?.points ?? [])
  const endMs = Math.max(Date.now(), points.at(-1)?.timeMs ?? 0)
  const judged = judgedAt(points)
  const isByTime = axis === 'time'
  const place = isByTime ? (timeMs: number) => timeMs : judged
  const first = isByTime
    ? points.find(({ timeMs }) => timeMs >= endMs - range)
    : points.find(({ timeMs }) => judged(timeMs) > judged(endMs) - range)
  const startMs = isByTime
    ? Math.max(points[0]?.timeMs ?? endMs - 1000, endMs - range)
    : (first?.timeMs ?? endMs - 1000)
  const lineEndMs = lineEnd(samples, endMs)
  const shown = lineEndMs < startMs ? [] : within(points, startMs)
  const drawn = parts.lines.filter(({ slot }) => slot !== undefined)
  // The lines of parts are shares, whatever the headline is.
  const isShare = headline.better === 'higher' || by !== 'all'
  const isMain = headline.better === 'higher' || by === 'all'
  const main = isMain ? shown : []
  const baseline = by === 'all' ? within(baselineOf(samples), startMs) : []
  const partPoints = drawn.flatMap((line) => within(line.points, startMs))
  const values = [...main, ...baseline, ...partPoints].map(({ value }) => value)
  const [low, high] = rangeOf(values, isShare)
  const to = place(endMs)
  // All that was judged may be in one sample: its place is the end, and the axis begins before it.
  const from = place(startMs) < to ? place(startMs) : Math.max(0, to - range)
  const x = (timeMs: number) =>
    LEFT + ((place(timeMs) - from) / Math.max(1, to - from)) * (width - LEFT - RIGHT)
  const y = (value: number) => TOP + ((high - value) / (high - low)) * (HEIGHT - TOP - BOTTOM)
  const scale = { x, y, pauseMs: isByTime ? PAUSE_MS : Infinity }
  const marks = marksOf(moves, startMs)
  const at = chosen === undefined ? -1 : marks.findIndex((mark) => mark.generation === chosen)
  // Where nothing has changed for long, the last change is still why the live version is live.
  const mark = marks[at === -1 ? marks.length - 1 : at] ?? marksOf(moves.slice(0, 1), 0)[0]
  const names = namedOf(marks, mark?.generation, x)
  const alarms = alarmsOf(samples, startMs)
  const shows = by === 'all' ? headline : ({ name: `${score} by ${by}`, better: 'higher' } as const)
  return (
    <section aria-labelledby="chart-title">
      <div class="heading">
        <h2 id="chart-title">Recent {shows.name}</h2>
        {kinds.length > 0 && (
          <Choices
            label="Lines"
            options={[['model', 'all'], ...kinds.map((kind) => [`by ${kind}`, kind] as const)]}
            chosen={by}
            onChoose={setBy}
          />
        )}
        <Choices label="Axis" options={AXES} chosen={axis} onChoose={setAxis} />
        <Choices
          label={isByTime ? 'Time shown' : 'Examples shown'}
          options={RANGES[axis]}
          chosen={range}
          onChoose={(value) => setRanges({ ...ranges, [axis]: value })}
        />
      </div>
      <div ref={box} class="chart">
        <svg
          width={width}
          height={HEIGHT}
          role="img"
          aria-label={summaryOf(shows, main, marks, alarms.length)}
        >
          <Axes
            {...{ low, high, width, y }}
            shown={(value) => figure(shows, value).replace('.0 %', ' %')}
            start={
              isByTime || to === 0
                ? clockTime(startMs)
                : `${plural(Math.round(to - from), 'example')} ago`
            }
          />
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
          {baseline.length > 0 && <path class="baseline" d={pathOf(baseline, lineEndMs, scale)} />}
          {main.length > 0 && (
            <path
              class={by === 'all' ? 'line' : 'line behind'}
              d={pathOf(main, lineEndMs, scale)}
            />
          )}
          {by !== 'all' && <PartPaths {...{ lines: drawn, startMs, endMs, ...scale }} />}
          {alarms.map((timeMs) => (
            <path key={timeMs} class="alarm" d={`M${x(timeMs)},${HEIGHT - BOTTOM}l5,-9h-10z`}>
              <title>drift alarm, {clockTime(timeMs)}</title>
            </path>
          ))}
        </svg>
      </div>
      {by !== 'all' && answer.answer !== undefined && <Legend {...parts} />}
      {shown.length === 0 && <p class="note">No feedback has come yet.</p>}
      {by === 'all' && main.length > 0 && <Key headline={headline} />}
      {mark !== undefined && (
        <Scrubber
          {...{ marks, mark, onWhy }}
          at={at === -1 ? marks.length - 1 : at}
          onChoose={setChosen}
        />
      )}
    </section>
  )
}

function baselineOf(samples: readonly Sample[]) {
  return samples.flatMap(({ timeMs, count, baseline }) =>
    count > 0 && baseline !== null ? [{ timeMs, value: baseline }] : [],
  )
}

/** The lines in words. */
function Key({ headline }: { readonly headline: Headline }) {
  const { name, meaning, better, recent, baseline } = headline
  return (
    <p class="note">
      {better === 'lower' && `Lower is better: ${meaning}. `}
      {name === 'loss' &&
        recent !== null &&
        `At ${figure(headline, recent)} it is as unsure as between ${number(Math.exp(recent))} tokens. `}
      {baseline !== undefined && (
        <span id="baseline">
          <svg width="18" height="8" aria-hidden="true">
            <path class="baseline" d="M0,4H18" />
          </svg>{' '}
          {baseline.name}: {figure(headline, baseline.recent)}
        </span>
      )}
    </p>
  )
}

interface ChoicesProps<Value> {
  readonly label: string
  readonly options: readonly (readonly [name: string, value: Value])[]
  readonly chosen: Value
  readonly onChoose: (value: Value) => void
}

/** A group of buttons; one is pressed. */
function Choices<Value>({ label, options, chosen, onChoose }: ChoicesProps<Value>) {
  return (
    <span role="group" aria-label={label}>
      {options.map(([name, value]) => (
        <button
          key={name}
          class="small"
          aria-pressed={chosen === value}
          onClick={() => onChoose(value)}
        >
          {name}
        </button>
      ))}
    </span>
  )
}

interface AxesProps {
  readonly low: number
  readonly high: number
  readonly width: number
  readonly y: (value: number) => number
  readonly shown: (value: number) => string
  /** Where the axis begins. */
  readonly start: string
}

function Axes({ low, high, width, y, shown, start }: AxesProps) {
  return (
    <g>
      {[low, (low + high) / 2, high].map((step) => (
        <g key={step} class="axis">
          <line x1={LEFT} x2={width - RIGHT} y1={y(step)} y2={y(step)} />
          <text x={LEFT - 6} y={y(step) + 4} text-anchor="end">
            {shown(step)}
          </text>
        </g>
      ))}
      <text class="time" x={LEFT} y={HEIGHT - 4}>
        {start}
      </text>
      <text class="time" x={width - RIGHT} y={HEIGHT - 4} text-anchor="end">
        now
      </text>
    </g>
  )
}

interface ScrubberProps {
  readonly marks: readonly Mark[]
  readonly mark: Mark
  /** The place of the mark; −1: there are none in the chart. */
  readonly at: number
  readonly onChoose: (generation: number | undefined) => void
  readonly onWhy: (version: string) => void
}

/** The slider over the marks, and the chosen change in words. */
function Scrubber({ marks, mark, at, onChoose, onWhy }: ScrubberProps) {
  const { version, timeMs, since, by, reason } = mark
  return (
    <div class="scrub">
      <input
        type="range"
        min={0}
        max={Math.max(0, marks.length - 1)}
        disabled={marks.length === 0}
        value={at}
        aria-label="Changes of the version"
        aria-valuetext={`${version}, ${clockTime(timeMs)}, ${by}`}
        onInput={(event) => onChoose(marks[Number(event.currentTarget.value)]?.generation)}
      />
      <p>
        <button class="link" aria-label={`${version}: why`} onClick={() => onWhy(version)}>
          {version}
        </button>{' '}
        <time dateTime={since}>{clockTime(timeMs)}</time> by {by}: {reason}
      </p>
    </div>
  )
}

function summaryOf(
  headline: Pick<Headline, 'name' | 'better'>,
  points: readonly Point[],
  marks: readonly Mark[],
  alarms: number,
): string {
  const { name } = headline
  const last = points.at(-1)
  if (last === undefined) return `no ${name} yet`
  const values = points.map(({ value }) => value)
  const shown = (value: number) => figure(headline, value)
  const span = `between ${shown(Math.min(...values))} and ${shown(Math.max(...values))}`
  return `${name} ${shown(last.value)} now, ${span}; ${whole(marks.length)} changes of the version; ${alarms} drift alarms`
}
