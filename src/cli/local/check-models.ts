/** `config check` also opens everything that is cheap to open: a config that can never start is refused here. */
import { modelProblems, openCheaply } from '../../config/model-problems.ts'
import type { Config } from '../../config/config.ts'
import { configFailure } from '../../config/problem.ts'

/** Throws CONFIG_INVALID with every model that cannot start, and the reason. */
export async function checkModels(config: Config, path: string): Promise<void> {
  const problems = await modelProblems(config, openCheaply)
  if (problems.length > 0) throw configFailure(problems, () => path)
}
