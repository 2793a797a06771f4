/** `antikythera serve`: the daemon. */
import type { Command } from 'commander'
import type { ServeFlags } from '../local/serve.ts'
import { withConfig } from '../flags.ts'

export function registerServe(program: Command): void {
  withConfig(program.command('serve').description('run the daemon until it is stopped'))
    .option('--host <address>', 'overrides server.host')
    .option('--port <number>', 'overrides server.port; 0 = any free port')
    .option('--data-dir <folder>', 'overrides data_dir')
    .option('--role <all|trainer|server>', 'overrides role: which parts of the daemon run here')
    .option('--json', 'print one JSON object with the URL as soon as it listens')
    .action(async (flags: ServeFlags) => {
      const { serve } = await import('../local/serve.ts')
      await serve(flags)
    })
}
