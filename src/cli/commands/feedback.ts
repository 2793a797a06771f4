/** `antikythera feedback`: sends one event from flags, or a file of events, to the daemon or to its topic. */
import { Option, type Command } from 'commander'
import { withRows, type FeedbackFlags } from '../feedback/feedback-flags.ts'
import { withPayloads } from '../feedback/payload-flags.ts'
import { aboutModel, countOrZero, positiveNumber, withModel } from '../flags.ts'
import type { KafkaFlags } from '../feedback/kafka-flags.ts'

export function registerFeedback(program: Command): void {
  const command = program.command('feedback').description('send feedback: one event, or a file')
  withKafka(
    withRows(
      withPayloads(withModel(command)),
      'keep this share of --file back, such as 20%; wait until the rest is learned, and evaluate it',
    )
      .option('--dry-run', 'show three rows of --file as they are understood, and send nothing')
      .option(
        '--stop-after <count>',
        'stop after this many refused events in a row; 0 = send all',
        countOrZero,
        100,
      )
      .option(
        '--retry-seconds <seconds>',
        'how long to retry a busy daemon or broker',
        positiveNumber,
        300,
      )
      .option('--wait', 'wait until it is learned and its version answers, at most --retry-seconds')
      .option('--prediction-id <id>', 'instead of an input: the prediction to give feedback on')
      .option('--correction <answer>', 'right label or text for a prediction')
      .option('--retract', 'retract the event with this --id')
      .option('--weight <number>', 'weight of the event', positiveNumber)
      .option('--slice <name>', 'part of the population, such as a region')
      .option('--id <id>', 'with the source, its identity; absent = made from the content')
      .option('--source <name>', 'source of the event'),
  ).action(send)
}

function withKafka(command: Command): Command {
  return command
    .option('--kafka <host:port,…>', 'send the file to these brokers instead of the daemon')
    .option('--topic <name>', 'of --kafka')
    .addOption(
      new Option(
        '--key <id|model>',
        'key of the messages: the id of each event, or the name of the model',
      )
        .choices(['id', 'model'])
        .default('id'),
    )
    .option(
      '-c, --config <path>',
      'take brokers, topic, sasl and tls from this config’s Kafka source',
    )
    .addOption(
      new Option('--sasl <mechanism>', 'authentication at the brokers').choices([
        'plain',
        'scram-sha-256',
        'scram-sha-512',
      ]),
    )
    .option('--user <name>', 'of --sasl')
    .option('--password-env <variable>', 'environment variable that holds the password of --sasl')
    .option('--tls', 'with certificates of a public authority')
    .option('--tls-ca <path>', 'PEM file of the authority that signed the brokers’ certificates')
}

type Flags = FeedbackFlags & Omit<KafkaFlags, 'file'>

async function send(named: string | undefined, given: Flags): Promise<void> {
  const flags = aboutModel(named, given)
  const { file } = flags
  if (flags.dryRun === true) {
    const { showRows } = await import('../feedback/show-rows.ts')
    await showRows(flags)
    return
  }
  const isKafka = flags.kafka !== undefined || flags.config !== undefined
  if (isKafka) {
    const { sendToKafka } = await import('../feedback/send-to-kafka.ts')
    const { failure } = await import('../../platform/errors.ts')
    if (file === undefined) throw failure('USAGE', '--kafka sends a --file')
    if (flags.holdOut !== undefined)
      throw failure('USAGE', '--hold-out waits for the daemon, which --kafka does not ask')
    await sendToKafka({ ...flags, file })
  } else if (file === undefined) {
    const { sendEvent } = await import('../feedback/send-event.ts')
    const { failure } = await import('../../platform/errors.ts')
    if (flags.holdOut !== undefined) throw failure('USAGE', '--hold-out keeps rows of a --file')
    await sendEvent(flags)
  } else {
    const { sendFile } = await import('../feedback/send-file.ts')
    await sendFile({ ...flags, file })
  }
}
