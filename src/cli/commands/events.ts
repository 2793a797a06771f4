/** Predictions, feedback, and what becomes of an event. */
import { type Command, Option } from 'commander'
import type { EvaluateFlags } from '../feedback/evaluate-file.ts'
import { type FeedbackFlags, withRows, type KafkaFlags } from '../feedback/flags.ts'
import { withPayloads } from '../feedback/payload-flags.ts'
import {
  type ClientFlags,
  aboutModel,
  countOrZero,
  positiveNumber,
  wholeNumber,
  withClient,
  withModel,
} from '../flags.ts'
import type { ChoiceFlags, ListFlags, ReceiptFlags } from '../remote/events.ts'
import type { PracticeFlags } from '../feedback/practice.ts'
import type { PredictFlags } from '../feedback/predict.ts'
import type { RankFlags } from '../feedback/rank.ts'

/** `antikythera predict`: asks the live version, or another one. */
export function registerPredict(program: Command): void {
  withClient(program.command('predict').description('predict for texts, or for lines of stdin'))
    .argument('[texts...]', 'texts, one answer each; without any, every line of stdin')
    .option('--features <json...>', 'instead of texts: {"age": 3, "town": "Oslo"}, or 0.5,1,0')
    .option('--pair <texts...>', 'instead of texts: the first and the second text of a pair')
    .option('--image <file...>', 'instead of texts: the files of pictures')
    .option('--document <file...>', 'instead of texts: the files of long texts')
    .option(
      '--fields <json...>',
      'instead of texts: {"amount": 3, "note": "a dent", "photo": {"image": "@dent.jpg"}}, @ before a path',
    )
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
    .option(
      '--without <source>',
      'answer with the live version as it would be without the events of this source',
    )
    .option(
      '--because <count>',
      'with each answer, the learned examples that it rests on most',
      wholeNumber,
    )
    .action(async (texts: readonly string[], flags: PredictFlags) => {
      const { predict } = await import('../feedback/predict.ts')
      await predict(texts, flags)
    })
}

/** `antikythera rank`: an order of candidates, to try a ranking. */
export function registerRank(program: Command): void {
  withClient(program.command('rank').description('rank candidates with a model of task: ranking'))
    .requiredOption('--context <json>', 'what they are ranked for: {"hour": 9}, or a text')
    .option('--candidates <json>', '[{"id": "tea", "input": {"price": 3}}]; absent = --file')
    .option('-f, --file <path>', 'one candidate a line, as JSON; - = stdin')
    .option('--top <count>', 'the number of items that are shown; absent = all', wholeNumber)
    .option('--seed <text>', 'of the draws: the same seed gives the same order')
    .option('--version <version>', 'rank with this version instead of the live one')
    .action(async (flags: RankFlags) => {
      const { rank } = await import('../feedback/rank.ts')
      await rank(flags)
    })
}

/** `antikythera practice`: a language model answers prompts several times, and learns what a program thinks of its answers. */
export function registerPractice(program: Command): void {
  withModel(
    program
      .command('practice')
      .description('let a language model answer prompts, and learn what its program rewards'),
  )
    .option('-f, --file <path>', 'a prompt a line; JSONL with input and facts; - = stdin', '-')
    .option('--chat', 'each text is a message to answer; absent = a text that it continues')
    .option('--samples <count>', 'answers to each prompt', wholeNumber, 8)
    .option('--rounds <count>', 'how often all prompts are practised', wholeNumber, 1)
    .option('--max-tokens <count>', 'most tokens of an answer; absent: of the task', wholeNumber)
    .option(
      '--retry-seconds <seconds>',
      'how long to wait until eight prompts are learned',
      positiveNumber,
      900,
    )
    .action(async (model: string | undefined, flags: PracticeFlags) => {
      const { practice } = await import('../feedback/practice.ts')
      await practice(aboutModel(model, flags))
    })
}

/** `antikythera feedback`: sends one event from flags, or a file of events, to the daemon or to its topic. */
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
    const { showRows } = await import('../feedback/send-file.ts')
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

/** `antikythera evaluate`: scores a version on a file of rows with known answers, and teaches nothing. */
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

/** `antikythera receipt`: what has become of one event of feedback. */
export function registerReceipt(program: Command): void {
  withClient(
    program
      .command('receipt')
      .description('what has become of one event of feedback')
      .argument(
        '<id>',
        'its id; or first the model, which is optional if the daemon serves only one',
      )
      .argument('[id]', 'after a model'),
  )
    .option('--source <name>', 'its source; absent = that of feedback over HTTP')
    .action(async (first: string, second: string | undefined, flags: ReceiptFlags) => {
      const { showReceipt } = await import('../remote/events.ts')
      if (second === undefined) await showReceipt(first, flags)
      else await showReceipt(second, aboutModel(first, flags))
    })
}

/** `antikythera dead-letters`: events that could not be learned from; send them again, or drop them. */
export function registerDeadLetters(program: Command): void {
  const letters = program
    .command('dead-letters')
    .description('events that could not be learned from: list, show, resend, drop')
  withModel(letters.command('list').description('newest first, each with its reason and the fix'))
    .option('--last <count>', 'maximum number', wholeNumber, 20)
    .option('--code <code>', 'only those with this code')
    .action(async (model: string | undefined, flags: ListFlags) => {
      const { listLetters } = await import('../remote/events.ts')
      await listLetters(aboutModel(model, flags))
    })
  withClient(letters.command('show').description('show one in full'))
    .argument('<id>')
    .action(async (id: string, flags: ClientFlags) => {
      const { showLetter } = await import('../remote/events.ts')
      await showLetter(id, flags)
    })
  withChoice(letters.command('resend').description('send them again after the fix')).action(
    async (ids: readonly string[], flags: ChoiceFlags) => {
      const { resendLetters } = await import('../remote/events.ts')
      await resendLetters(ids, flags)
    },
  )
  withChoice(letters.command('drop').description('remove them for good')).action(
    async (ids: readonly string[], flags: ChoiceFlags) => {
      const { dropLetters } = await import('../remote/events.ts')
      await dropLetters(ids, flags)
    },
  )
}

function withChoice(command: Command): Command {
  return withClient(command)
    .argument('[ids...]')
    .option('--code <code>', 'all with this code')
    .option('--all', 'all of them')
}
