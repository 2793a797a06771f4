/** `antikythera feedback`: one event from flags, or a file of them. */
import type { Command } from 'commander'
import type { FeedbackFlags } from '../feedback-flags.ts'
import { finiteNumber, positiveNumber, withClient } from '../flags.ts'

export function registerFeedback(program: Command): void {
  withClient(program.command('feedback').description('say what was right: one event, or a file'))
    .option('-f, --file <path>', 'JSONL, one event a line; - = stdin')
    .option(
      '--retry-seconds <seconds>',
      'of a file: how long to wait for a busy daemon',
      positiveNumber,
      300,
    )
    .option('--text <text>', 'what the event is about')
    .option('--prediction-id <id>', 'instead: the answer that it is about')
    .option('--label <label>', 'what is right')
    .option('--correction <label>', 'the same, of an answer')
    .option('--rating <1|-1>', 'thumbs up or down, of an answer', finiteNumber)
    .option('--retract', 'take back the event with this --id')
    .option('--weight <number>', 'how much it counts', positiveNumber)
    .option('--id <id>', 'with the source, its identity; absent = made from the content')
    .option('--source <name>', 'who says it')
    .action(async (flags: FeedbackFlags) => {
      if (flags.file === undefined) {
        const { sendEvent } = await import('../send-event.ts')
        await sendEvent(flags)
      } else {
        const { sendFile } = await import('../send-file.ts')
        await sendFile({ ...flags, file: flags.file })
      }
    })
}
