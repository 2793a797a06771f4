/** `antikythera evaluate`: scores a version on a file of rows with known answers, and teaches nothing. */
import type { Command } from 'commander'
import type { EvaluateFlags } from '../feedback/evaluate-file.ts'
import { withRows } from '../feedback/feedback-flags.ts'
import { aboutModel, positiveNumber, withModel } from '../flags.ts'

export function registerEvaluate(program: Command): void {
  withRows(
    withModel(
      program
        .command('evaluate')
        .description('score a version on rows with known answers, without teaching them'),
    ),
    'only the rows that feedback --hold-out with the same share keeps back',
  )
    .option('--version <version>', 'the version to score instead of the live one')
    .option('--against <version>', 'compare it with this one, on the same rows')
    .option('--retry-seconds <seconds>', 'how long to retry a busy daemon', positiveNumber, 300)
    .action(async (model: string | undefined, flags: EvaluateFlags) => {
      const { evaluate } = await import('../feedback/evaluate-file.ts')
      await evaluate(aboutModel(model, flags))
    })
}
