/** `antikythera predict`: asks the live version, or another one. */
import { Option, type Command } from 'commander'
import type { PredictFlags } from '../remote/predict.ts'
import { withClient } from '../flags.ts'

export function registerPredict(program: Command): void {
  withClient(program.command('predict').description('predict for texts, or for lines of stdin'))
    .argument('[texts...]', 'texts, one answer each; without any, every line of stdin')
    .option('--features <json...>', 'instead of texts: {"age": 3, "town": "Oslo"}, or 0.5,1,0')
    .option('-f, --file <path>', 'one text per line, CSV with a header, or JSONL; - = stdin')
    .addOption(
      new Option(
        '--format <name>',
        'format of --file; absent = by its name, otherwise texts',
      ).choices(['jsonl', 'csv']),
    )
    .option(
      '--chat',
      'each text is a message to answer; absent = a text that a language model continues',
    )
    .option('--version <version>', 'answer with this version instead of the live one')
    .option('--at <time>', 'answer with the version that was live at this time (ISO 8601)')
    .action(async (texts: readonly string[], flags: PredictFlags) => {
      const { predict } = await import('../remote/predict.ts')
      await predict(texts, flags)
    })
}
