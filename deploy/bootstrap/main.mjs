/**
 * Set-up: brings a checkout to the point where everything runs, and does nothing when it is there already. Called
 * first by `npm run demo`, `npm test` and `npm run setup`; it may use only what comes with Node.js.
 *
 *   --quiet     silent when there is nothing to do
 *   --programs  no types and single modules: the programs run without them
 *   --tests     also what only the tests need
 *   --services  also the Kafka broker, for `npm run up` and the demo with Kafka
 *   --all       also services from Debian packages, so that no test is skipped (for CI)
 *   --downloads only what --all adds to --tests; it may run at the same time
 */
import process from 'node:process'

const NODE_AT_LEAST = [20, 19]

async function main() {
  const { SetupError } = await import('./errors.mjs')
  checkNode(SetupError)
  const flags = parseFlags(process.argv.slice(2), SetupError)
  const { createProgress } = await import('./progress.mjs')
  const { places } = await import('./places.mjs')
  const { setUp } = await import('./set-up.mjs')
  const { stepsFor } = await import('./steps.mjs')
  const { nativeReport, nativeReminder } = await import('./native.mjs')

  const started = Date.now()
  const progress = createProgress()
  const context = { places: places(), progress, retry: !flags.quiet && !flags.tests }
  const ran = await setUp(stepsFor(flags, context.places), context)
  const reminder = flags.downloads ? undefined : nativeReminder(context.places)
  if (reminder && !ran.includes('native TensorFlow')) progress.say(reminder)
  const seconds = ((Date.now() - started) / 1000).toFixed(1)
  // The other set-up may still be busy with TensorFlow.
  const summary = flags.downloads ? 'services and peers' : nativeReport(context.places).summary
  if (ran.length > 0) progress.say(`Set-up is complete: ${summary}; ${seconds} s`)
  else if (!flags.quiet) progress.say(`Set-up: nothing to do (${summary}); ${seconds} s`)
}

function checkNode(SetupError) {
  const [major, minor] = process.versions.node.split('.').map(Number)
  const [leastMajor, leastMinor] = NODE_AT_LEAST
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return
  throw new SetupError('SETUP_NODE_TOO_OLD', `it is ${process.versions.node}`)
}

function parseFlags(args, SetupError) {
  const names = ['quiet', 'programs', 'tests', 'services', 'all', 'downloads']
  const flags = Object.fromEntries(names.map((name) => [name, false]))
  for (const arg of args) {
    const name = arg.replace(/^--/, '')
    if (!arg.startsWith('--') || !Object.hasOwn(flags, name))
      throw new SetupError('SETUP_BAD_FLAG', arg)
    flags[name] = true
  }
  return flags
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
]) {
  process.on(signal, () => {
    process.stderr.write('\nSet-up was stopped. The same command goes on from here.\n')
    process.exit(code)
  })
}

main().catch((error) => {
  if (error && error.fix)
    process.stderr.write(`\n${error.code}: ${error.message}\n  ${error.fix}\n`)
  else process.stderr.write(`${(error && error.stack) || error}\n`)
  process.exitCode = 1
})
