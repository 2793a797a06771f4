/** Opens the models of the config with their bases, to find problems that would keep a trainer from starting. */
import { failed, ok, type Check } from './check.ts'

export const modelsCheck: Check = {
  name: 'models of the config',
  async run({ config }) {
    if (config === undefined) return ok('there is no config')
    const { modelProblems } = await import('../../config/model-problems.ts')
    const problems = await modelProblems(config)
    const [first, ...others] = problems.map(({ path, message }) => `${path.join('.')} ${message}`)
    if (first === undefined) return ok(`all ${Object.keys(config.models).length} can start`)
    const more = others.length === 0 ? '' : ` (and ${others.length} more)`
    return failed(first + more, 'change that key of the config, or download the base that it names')
  },
}
