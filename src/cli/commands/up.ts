/** `antikythera up`: broker, Redis and two replicas on this machine, for development. */
import type { Command } from 'commander'
import { finiteNumber, positiveNumber } from '../flags.ts'
import type { UpFlags } from '../up/run.ts'

export function registerUp(program: Command): void {
  program
    .command('up')
    .description('run broker, Redis and replicas on this machine, until stopped')
    .option('-c, --config <path>', 'config with the models to run; absent = one sentiment model')
    .option('--folder <path>', 'folder for all data', 'data/up')
    .option(
      '--port <number>',
      'port of the first replica; 0 = any free port for each',
      finiteNumber,
      8080,
    )
    .option('--replicas <count>', 'number of replicas', positiveNumber, 2)
    .option('--no-kafka', 'run without the broker')
    .option('--json', 'print one JSON object as soon as everything runs')
    .action(async (flags: UpFlags) => {
      const { up } = await import('../up/run.ts')
      await up(flags)
    })
}
