/**
 * `antikythera setup`: native TensorFlow for the training engine. The starter runs it before this program is loaded
 * (deploy/bootstrap/antikythera.mjs), so that it also works before a build; this file is its help.
 */
import type { Command } from 'commander'

export function registerSetup(program: Command): void {
  program
    .command('setup')
    .description('set up what npm does not install: native TensorFlow, and the build in a checkout')
    .option('--quiet', 'print nothing if there is nothing to do')
    .option('--services', 'also the Kafka broker, for `up`')
    .option('--tests', 'also the packages that only tests need')
    .option('--all', 'everything, including services from Debian packages')
    .option('--json', 'accepted for consistency: progress goes to stderr')
    .action(async () => {
      const { runSetup } = await import('../local/run-setup.ts')
      await runSetup(process.argv.slice(3))
    })
}
