/** Debian packages that some tests need: installed where CI runs, never on a user's machine. */
import { SetupError } from './errors.mjs'
import { runTool } from './tool.mjs'
import { which } from './which.mjs'

/** `commands` names for each program on the PATH the Debian package that brings it. */
export function aptStep(commands) {
  const missing = ({ env }) => Object.keys(commands).filter((command) => !which(command, env))
  return {
    name: `Debian packages (${Object.values(commands).join(', ')})`,
    done: ({ places }) => missing(places).length === 0,
    async run({ places, progress }) {
      const packages = missing(places).map((command) => commands[command])
      if (!which('apt-get', places.env))
        throw new SetupError('SETUP_APT_MISSING', packages.join(', '))
      await aptGet(['update'], places, progress)
      await aptGet(['install', '-y', '--no-install-recommends', ...packages], places, progress)
      return packages.join(', ')
    },
  }
}

async function aptGet(args, { env }, progress) {
  const options = ['-q', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3']
  const result = await runTool('apt-get', [...options, ...args], {
    env: { ...env, DEBIAN_FRONTEND: 'noninteractive' },
    onTick: () => progress.doing(`apt-get ${args[0]}`),
  })
  if (result.code === 0) return
  progress.say(result.output.trim())
  throw new SetupError('SETUP_APT_FAILED', `apt-get ${args[0]}: ${result.stopped ?? result.code}`)
}
