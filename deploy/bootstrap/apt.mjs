/** Debian packages that some tests need: installed where CI runs, never on a user's machine. */
import { SetupError } from './errors.mjs'
import { runOrFail } from './tool.mjs'
import { which } from './which.mjs'

/** `commands` names for each program on the PATH the Debian package that brings it. */
export function aptStep(commands) {
  const missing = ({ env }) => Object.keys(commands).filter((command) => !which(command, env))
  return {
    name: `Debian packages (${Object.values(commands).join(', ')})`,
    done: ({ places }) => missing(places).length === 0,
    async run(context) {
      const { places } = context
      const packages = missing(places).map((command) => commands[command])
      if (!which('apt-get', places.env))
        throw new SetupError('SETUP_APT_MISSING', packages.join(', '))
      await aptGet(['update'], context)
      await aptGet(['install', '-y', '--no-install-recommends', ...packages], context)
      return packages.join(', ')
    },
  }
}

async function aptGet(args, context) {
  const options = ['-q', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3']
  await runOrFail('apt-get', [...options, ...args], {
    ...context,
    code: 'SETUP_APT_FAILED',
    doing: () => `apt-get ${args[0]}`,
    env: { ...context.places.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
}
