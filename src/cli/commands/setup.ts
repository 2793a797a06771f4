/**
 * `antikythera setup`: native TensorFlow for the training engine. The starter runs it before this program is loaded
 * (deploy/bootstrap/antikythera.mjs), so that it also works where nothing is built; this is its help.
 */
import type { Command } from 'commander'

export function registerSetup(program: Command): void {
  program
    .command('setup')
    .description('set up what npm does not: native TensorFlow, and in a checkout the build')
    .option('--quiet', 'say nothing where nothing is to do')
    .option('--services', 'also the Kafka broker, for `up`')
    .option('--tests', 'also what only the tests need')
    .option('--all', 'everything, services from Debian packages too')
    .option('--json', 'accepted and ignored: progress goes to stderr')
    .action(async () => {
      const { runSetup } = await import('../local/run-setup.ts')
      await runSetup(process.argv.slice(3))
    })
}
