/** The table of what was run under drift: a line for each stream and trigger, what it does about an alarm side by side. */
import { driftStreams } from './drift-streams.mjs'
import { spread } from './figures.mjs'

/** Accuracy is a mean over so many events. */
export const WINDOW = 500
export const detectors = ['adwin', 'ddm', 'page-hinkley', 'kswin']
export const responses = ['report', 'raise-rate', 'fresh-replay', 'fresh-adapter']

export function tableOf(found, { plain, guesses }) {
  const columns = [
    ...['stream', 'trigger', 'events to alarm', 'false alarms', 'before'],
    ...responses.map((response) => `just after: ${response}`),
    ...responses.map((response) => `at the end: ${response}`),
  ]
  const rows = Object.keys(driftStreams).flatMap((stream) =>
    [...plain, ...detectors, ...guesses].map((way) => rowOf(stream, way, found)),
  )
  const [stream] = Object.keys(driftStreams)
  const seeds = found.filter((one) => one.stream === stream && one.way === 'count').length
  return { columns, rows, note: `Mean ± standard deviation over ${seeds} seeds. ${note}` }
}

function rowOf(stream, way, found) {
  const of = (name) =>
    found.flatMap((one) => (one.stream === stream && one.way === name ? [one.figures] : []))
  const isDetector = detectors.includes(way)
  const own = of(isDetector ? `${way} report` : way)
  const accuracies = (field) =>
    responses.map((response, at) => {
      if (isDetector) return spread(of(`${way} ${response}`).map((figures) => figures[field]))
      return at === 0 ? spread(own.map((figures) => figures[field])) : ''
    })
  return [
    ...[stream, way],
    isDetector ? alarmCell(own) : '',
    isDetector ? spread(own.map(({ falseAlarms }) => falseAlarms)) : '',
    spread(own.map(({ before }) => before)),
    ...accuracies('after'),
    ...accuracies('end'),
  ]
}

function alarmCell(own) {
  const delays = own.flatMap(({ delay }) => delay ?? [])
  const missed = own.length - delays.length
  if (missed === 0) return spread(delays, 0)
  return delays.length === 0 ? 'none' : `${spread(delays, 0)}; ${missed} of ${own.length} none`
}

const note = [
  'Events from the first one of the change to the first alarm after it, and alarms before',
  'it, both where alarms are only reported; a seed without an alarm after the change is counted as none. Accuracy in %, each event',
  `answered before it is learned: in the last ${WINDOW} events before the change, in the ${WINDOW} after its beginning, and in the last`,
  `${WINDOW} of the stream. An update after 16 events; detectors with their defaults.`,
].join(' ')
