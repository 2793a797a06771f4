/**
 * Accuracy over time, with a mark where another version began to answer and where drift was found. The marks can be
 * walked through with the slider below: that is the way of the keyboard, of a finger and of a screen reader.
 */
import { useState } from 'preact/hooks'
import type { Live, PartLines, Sample } from './answers.tsx'
import { clockTime, share } from './format.tsx'
import { useFresh } from './fresh.tsx'
import { alarmsOf, MarkLine, marksOf, namedOf, thinned, type Mark } from './marks.tsx'
import { Legend, PartPaths, useParts, type By } from './parts.tsx'
import {
  BOTTOM,
  HEIGHT,
  LEFT,
  lineEnd,
  lowest,
  pathOf,
  pointsOf,
  RIGHT,
  TOP,
  useWidth,
  within,
  type Point,
} from './scale.tsx'

interface Props {
  readonly name: string
  /** The task's name for the score that the line shows. */
  readonly score: string
  readonly samples: readonly Sample[]
  readonly moves: readonly Live[]
  /** The kinds of parts that have lines of their own. */
  readonly kinds: readonly Exclude<By, 'all'>[]
  /** Whether more may be asked for: what is seen first comes first. */
  readonly isSettled: boolean
  readonly onWhy: (version: string) => void
}

const RANGES = [
  ['10 min', 600_000],
  ['1 h', 3_600_000],
  ['all', Infinity],
] as const

export function Chart({ name, score, samples, moves, kinds, isSettled, onWhy }: Props) {
  const { box, width } = useWidth()
  const [range, setRange] = useState<number>(600_000)
  const [chosen, setChosen] = useState<number | undefined>()
  const [by, setBy] = useState<By>('all')
  const isBegun = samples[0] !== undefined && samples[0].timeMs <= Date.now() - range
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
  const startMs = Math.max(points[0]?.timeMs ?? endMs - 1000, endMs - range)
  const lineEndMs = lineEnd(samples, endMs)
  const shown = lineEndMs < startMs ? [] : within(points, startMs)
  const drawn = parts.lines.filter(({ slot }) => slot !== undefined)
  const low = lowest([...shown, ...drawn.flatMap((line) => within(line.points, startMs))])
  const x = (timeMs: number) =>
    LEFT + ((timeMs - startMs) / Math.max(1, endMs - startMs)) * (width - LEFT - RIGHT)
  const y = (accuracy: number) => TOP + ((1 - accuracy) / (1 - low)) * (HEIGHT - TOP - BOTTOM)
  const marks = marksOf(moves, startMs)
  const at = chosen === undefined ? -1 : marks.findIndex((mark) => mark.generation === chosen)
  // Where nothing has changed for long, the last change is still why the live version is live.
  const mark = marks[at === -1 ? marks.length - 1 : at] ?? marksOf(moves.slice(0, 1), 0)[0]
  const names = namedOf(marks, mark?.generation, x)
  const alarms = alarmsOf(samples, startMs)
  return (
    <section aria-labelledby="chart-title">
      <div class="heading">
        <h2 id="chart-title">Recent {score}</h2>
        {kinds.length > 0 && (
          <Choices
            label="Lines"
            options={[['model', 'all'], ...kinds.map((kind) => [`by ${kind}`, kind] as const)]}
            chosen={by}
            onChoose={setBy}
          />
        )}
        <Choices label="Time shown" options={RANGES} chosen={range} onChoose={setRange} />
      </div>
      <div ref={box} class="chart">
        <svg
          width={width}
          height={HEIGHT}
          role="img"
          aria-label={summaryOf(score, shown, marks, alarms.length)}
        >
          <Axes {...{ low, width, startMs, y }} />
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
          {shown.length > 0 && (
            <path
              class={by === 'all' ? 'line' : 'line behind'}
              d={pathOf(shown, lineEndMs, x, y)}
            />
          )}
          {by !== 'all' && <PartPaths {...{ lines: drawn, startMs, endMs, x, y }} />}
          {alarms.map((timeMs) => (
            <path key={timeMs} class="alarm" d={`M${x(timeMs)},${HEIGHT - BOTTOM}l5,-9h-10z`}>
              <title>drift alarm, {clockTime(timeMs)}</title>
            </path>
          ))}
        </svg>
      </div>
      {by !== 'all' && answer.answer !== undefined && <Legend {...parts} />}
      {shown.length === 0 && <p class="note">No feedback has come yet.</p>}
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
  readonly width: number
  readonly startMs: number
  readonly y: (accuracy: number) => number
}

function Axes({ low, width, startMs, y }: AxesProps) {
  return (
    <g>
      {[low, (1 + low) / 2, 1].map((step) => (
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
