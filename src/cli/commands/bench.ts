/** `antikythera bench`: the measurements of test/bench, in a checkout. */
import type { Command } from 'commander'

/** Those of test/bench/run.mjs. */
export const BENCHES = [
  'serve-latency',
  'swap',
  'freshness',
  'intake',
  'steps',
  'crash',
  'hostile',
  'slow-disk',
  'versions',
  'page',
  'slow-poison',
  'harm',
  'evaluation',
]
/** The programs that are asked for with the name of a table, and their tables. */
export const TABLES = {
  continual: [
    ...['mnist', 'tabular', 'text', 'drift', 'cost', 'memory'],
    ...['chosen-text', 'chosen-tables', 'mixture', 'text-drift', 'chosen-text-drift'],
    ...[
      'few-labels',
      'corrections',
      'first-labels',
      'bases',
      'text-defaults',
      'worth',
      'languages',
    ],
    ...['answer-cost', 'spans', 'labels', 'bandit', 'pairs', 'chosen-fields', 'pictures'],
  ],
  speed: ['serve', 'step', 'small', 'growth', 'freshness', 'documents', 'pictures'],
  lm: [
    ...['train', 'decode', 'prefixes', 'preferences', 'thumbs', 'summaries', 'freshness'],
    ...['harness', 'memory', 'rules', 'practice', 'retrieval', 'recall', 'trunk'],
  ],
} as const satisfies Readonly<Record<string, readonly string[]>>

const oneTable = Object.entries(TABLES)
  .map(([name, tables]) => `${name} with one of ${tables.join(', ')}`)
  .join('; ')

export function registerBench(program: Command): void {
  program
    .command('bench')
    .description('measure this machine')
    .argument(
      '[names...]',
      `of ${BENCHES.join(', ')}; absent = all of these, about half an hour; or ${oneTable}; or poison, sybil, beginning, calibration, profile, bases, which prints what was measured of them, or compare with another built checkout and names`,
    )
    .option('--json', 'accepted for consistency: it always prints one JSON object per line')
    .option('--data <folder>', 'continual and calibration: the folder of the datasets')
    .option('--seeds <count>', 'continual, poison and calibration: repetitions of each run')
    .option('--only <words...>', 'of these only runs with one of these words in their name')
    .option(
      '--results <folder>',
      'continual only: the folder of the results, absent = test/bench/results',
    )
    .option('--fresh', 'of these: measure every run again')
    .option('--rounds <count>', 'of compare: how often each build is measured')
    .option('--keep <name>', 'keep the results under this name in test/bench/results')
    // Some programs have more, such as `speed growth --long`: they refuse what they do not know.
    .allowUnknownOption()
    .action(async (names: readonly string[], { json: _, ...flags }: Flags) => {
      const { runBench } = await import('../local/run-program.ts')
      await runBench([...names, ...wordsOf(flags)])
    })
}

type Flags = Readonly<Record<string, string | true | readonly string[]>>

/** Passed on unchanged: the programs parse them. */
function wordsOf(flags: Flags): readonly string[] {
  return Object.entries(flags).flatMap(([name, value]) =>
    value === true ? [`--${name}`] : [value].flat().flatMap((word) => [`--${name}`, word]),
  )
}
