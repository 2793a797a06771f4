/** `antikythera up`: broker, Redis and two replicas on this machine, for developing. */
import type { Command } from 'commander'
import { finiteNumber, positiveNumber } from '../flags.ts'
import type { UpFlags } from '../up/run.ts'

export function registerUp(program: Command): void {
  program
    .command('up')
    .description('broker, Redis and replicas on this machine, until it is stopped')
    .option('-c, --config <path>', 'whose models to run; absent = one of sentiment')
    .option('--folder <path>', 'where everything is kept', 'data/up')
    .option(
      '--port <number>',
      'of the first replica; 0 = any free one for each',
      finiteNumber,
      8080,
    )
    .option('--replicas <count>', 'how many', positiveNumber, 2)
    .option('--no-kafka', 'leave the broker out')
    .option('--json', 'print one JSON object as soon as all of it runs')
    .action(async (flags: UpFlags) => {
      const { up } = await import('../up/run.ts')
      await up(flags)
    })
}
