/** `antikythera predict`: ask the live version, or another one. */
import { Option, type Command } from 'commander'
import type { PredictFlags } from '../remote/predict.ts'
import { withClient } from '../flags.ts'

export function registerPredict(program: Command): void {
  withClient(program.command('predict').description('ask about texts, or about lines of stdin'))
    .argument('[texts...]', 'one answer each; without any, every line of stdin')
    .option('--features <json...>', 'instead of texts: {"age": 3, "town": "Oslo"}, or 0.5,1,0')
    .option('-f, --file <path>', 'a text a line, CSV with a header, or JSONL; - = stdin')
    .addOption(
      new Option('--format <name>', 'of --file; absent = as its name ends, else texts').choices([
        'jsonl',
        'csv',
      ]),
    )
    .option('--version <version>', 'answer with this version, not with the live one')
    .action(async (texts: readonly string[], flags: PredictFlags) => {
      const { predict } = await import('../remote/predict.ts')
      await predict(texts, flags)
    })
}
