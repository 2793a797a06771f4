/**
 * Dead letters as messages: the original bytes and headers, plus the reason why nothing could be learned from them. The
 * message key is the letter's key, so writing one twice is harmless: a reader recognises it, and a compacted topic
 * keeps one.
 */
import type { DeadLetter, Sink } from '../../src/contracts/connector.ts'
import { Delivery, type KafkaSinkOptions, type OutgoingMessage } from './delivery.ts'

export type { KafkaSinkOptions } from './delivery.ts'

export function kafkaDeadLetterSink(options: KafkaSinkOptions): Sink {
  const delivery = new Delivery(options)
  return {
    write: (letters) => delivery.send(letters.map(outgoing)),
    close: () => delivery.close(),
  }
}

function outgoing(letter: DeadLetter): OutgoingMessage {
  const { key, code, reason, connector, partition, position, value, headers, timeMs } = letter
  return {
    key,
    value,
    timeMs,
    headers: {
      ...headers,
      'antikythera-code': code,
      'antikythera-reason': reason,
      'antikythera-source': connector,
      'antikythera-partition': partition,
      'antikythera-position': position,
    },
  }
}
