/** The table of memory and fine-tuning: a line for each way. */
import { round, spread } from '../lib/figures.mjs'

/** Examples of each label after which accuracy is looked at. */
export const rounds = [1, 2, 4, 8, 16, 32, 64]

const columns = {
  ...Object.fromEntries(rounds.map((count) => [`${count} a label`, `after${count}`])),
  'corrected, at once': 'corrected',
  'its like, at once': 'alike',
  'new label, after 1': 'late1',
  'after 8': 'late8',
  'labels swapped, after 4': 'swapped4',
  'after 16': 'swapped16',
}

export function tableOf(ways, found, costs) {
  const seeds = found.filter(({ way }) => way === ways[0]).length
  const rows = ways.map((way) => {
    const all = found.filter((one) => one.way === way).map(({ figures }) => figures)
    const { ms, bytes } = costs?.[way] ?? {}
    return [
      way,
      ...Object.values(columns).map((name) =>
        spread(all.map((figures) => figures[name]).filter((value) => value !== null)),
      ),
      ...[ms ?? '', bytes === undefined ? '' : round(bytes / 1024, 0).toLocaleString('en')],
    ]
  })
  return {
    columns: ['way', ...Object.keys(columns), 'ms an answer', 'KiB a version'],
    rows,
    note: `Twenty intents of banking77 on MiniLM (the majority is 5 %), in %, mean ± standard deviation over ${seeds} seeds. ${note}`,
  }
}

const note = [
  'Accuracy on uncorrected tests, after so many',
  'examples of each label in turns, an update for 16 events where the line says nothing else. Corrections, one by one, of 20 inputs',
  'that are answered wrong when 8 examples a label are known: right at once, and the three nearest wrong tests of that label, right',
  'at once. A new label comes when 64 a label are known, with three usual events beside each of its examples: its own tests.',
  'Then labels change places in pairs: tests in the new meaning, after so many examples a label of it. An answer: one text in the',
  'serving engine, milliseconds that its threads work; memory is full there, or has the 1,280 examples that have come.',
].join(' ')
