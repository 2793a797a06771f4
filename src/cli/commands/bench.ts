/** `antikythera bench`: the measurements of test/bench, in a checkout. */
import type { Command } from 'commander'

export function registerBench(program: Command): void {
  program
    .command('bench')
    .description('measure this machine: latency, swaps, freshness, training, crashes')
    .argument('[names...]', 'absent = all, about half an hour')
    .option('--json', 'what it prints anyway: one JSON object a line')
    .action(async (names: readonly string[]) => {
      const { runBench } = await import('../run-bench.ts')
      await runBench(names)
    })
}
