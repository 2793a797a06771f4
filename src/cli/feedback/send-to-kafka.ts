/**
 * Sends a file of feedback to a topic: each line unchanged, acknowledged by every in-sync replica. An event's id makes
 * sending it twice harmless, so an interrupted file is sent again from its start.
 */
import { createHash } from 'node:crypto'
import { Delivery, type OutgoingMessage } from '../../../connectors/kafka/sink.ts'
import type { KafkaConnection } from '../../../connectors/kafka/settings.ts'
import { CodedError } from '../../contracts/core.ts'
import { systemClock } from '../../platform/clock.ts'
import { failure } from '../../platform/errors.ts'
import { openLog } from '../../platform/log.ts'
import { columnsOf, kafkaPlace, type KafkaFlags } from './flags.ts'
import { print } from '../print.ts'
import { openProgress } from '../progress.ts'
import { eventLines, formatOf } from './file-format.ts'
import { chunksOf, openLines, type Line } from './read-lines.ts'
import { rejectedLines, withoutRows, type RejectedLine, sendingRetry } from './send-event.ts'

const CHUNK = { lines: 5000, bytes: 900_000 }
/** A broker's default limit, less room for the key. */
const LONGEST_LINE_BYTES = 900_000
const EXIT_DATA = 65

export async function sendToKafka(flags: KafkaFlags): Promise<void> {
  const { connection, topic } = kafkaPlace(flags)
  const { totalBytes: total, stream } = await openLines(flags.file)
  const delivery = openDelivery(connection, topic)
  const progress = openProgress({ clock: systemClock, unit: 'events' })
  const retry = sendingRetry(flags.retrySeconds, progress)
  const begunMs = systemClock.monotonicMs()
  const rejected: RejectedLine[] = []
  let [done, sent] = [0, 0]
  try {
    for await (const { lines, bytes } of chunksOf(
      eventLines(stream, formatOf(flags.file, flags.format), columnsOf(flags)),
      CHUNK,
    )) {
      const outgoing = messagesOf(lines, flags, rejected)
      await retry.run('sending feedback', async () => send(delivery, topic, outgoing))
      done += bytes
      sent += outgoing.length
      progress.update({ done, total, items: sent })
    }
  } finally {
    progress.end()
    await delivery.close()
  }
  if (sent + rejected.length === 0) throw withoutRows(flags.file)
  const seconds = (systemClock.monotonicMs() - begunMs) / 1000
  const perSecond = Math.round(sent / Math.max(seconds, 0.001))
  print(flags.json, { topic, sent, rejected, seconds, per_second: perSecond }, () => [
    `${sent} sent to ${topic}, ${perSecond}/s, ${rejected.length} rejected`,
    ...rejectedLines(rejected),
  ])
  if (rejected.length > 0) process.exitCode = EXIT_DATA
}

/** The daemon's sink waits for its topic; a person has probably misspelt it. */
async function send(
  delivery: Delivery,
  topic: string,
  outgoing: readonly OutgoingMessage[],
): Promise<void> {
  try {
    await delivery.send(outgoing)
  } catch (error) {
    const isUnknown =
      error instanceof CodedError && error.details.kafka === 'UNKNOWN_TOPIC_OR_PARTITION'
    if (!isUnknown) throw error
    throw failure('TOPIC_UNKNOWN', `the brokers have no topic ${topic}`, { cause: error })
  }
}

function openDelivery(connection: KafkaConnection, topic: string): Delivery {
  const log = openLog({ level: 'silent' })
  return new Delivery({
    ...connection,
    clientId: 'antikythera-cli',
    topic,
    clock: systemClock,
    log,
  })
}

function messagesOf(
  lines: readonly Line[],
  flags: KafkaFlags,
  rejected: RejectedLine[],
): readonly OutgoingMessage[] {
  const timeMs = systemClock.nowMs()
  return lines.flatMap((line) => {
    const value = Buffer.from(line.text)
    const event = eventOf(line.text)
    if (event === undefined) rejected.push(refused(line, 'EVENT_MALFORMED', 'not a JSON object'))
    else if (value.length > LONGEST_LINE_BYTES)
      rejected.push(refused(line, 'EVENT_TOO_LARGE', `longer than ${LONGEST_LINE_BYTES} bytes`))
    else return [{ key: keyOf(event, line.text, flags), value, headers: {}, timeMs }]
    return []
  })
}

/** The daemon reports other problems of an event, as dead letters. */
function eventOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/**
 * Equal events go to one partition, where the later one is recognised as a duplicate; or all events of a model, in
 * order.
 */
function keyOf(
  { id, model }: Readonly<Record<string, unknown>>,
  text: string,
  flags: KafkaFlags,
): string {
  if (flags.key === 'model') return typeof model === 'string' ? model : (flags.model ?? '')
  return typeof id === 'string' ? id : createHash('sha256').update(text).digest('hex')
}

function refused({ number }: Line, code: string, message: string): RejectedLine {
  return { line: number, code, message }
}
