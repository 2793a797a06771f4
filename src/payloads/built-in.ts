/**
 * The built-in kinds by their names, for `plugins.ts`. They stand here because intake, and a command line that must start at
 * once, know them without all other plug-ins.
 */
import type { InputKind, SignalKind } from '../contracts/payload.ts'
import { choice } from './inputs/choice.ts'
import { document } from './inputs/document.ts'
import { features } from './inputs/features.ts'
import { fields } from './inputs/fields.ts'
import { image } from './inputs/image.ts'
import { messages } from './inputs/messages.ts'
import { text } from './inputs/text.ts'
import { textPair } from './inputs/text-pair.ts'
import { answers } from './signals/answers.ts'
import { completion } from './signals/completion.ts'
import { label } from './signals/label.ts'
import { labels } from './signals/labels.ts'
import { preference } from './signals/preference.ts'
import { rating } from './signals/rating.ts'
import { reward } from './signals/reward.ts'
import { shown } from './signals/shown.ts'
import { addSpans, removeSpans, spans } from './signals/spans.ts'
import { value } from './signals/value.ts'
import { yesNo } from './signals/yes-no.ts'

/** Under `input` of a request or an event. */
export const inputs = {
  text,
  text_pair: textPair,
  features,
  messages,
  choice,
  image,
  document,
  fields,
} satisfies Readonly<Record<string, InputKind>>

/** What an event says, under the words of its kind. */
export const signals = {
  label,
  labels,
  yes_no: yesNo,
  value,
  completion,
  preference,
  answers,
  spans,
  add_spans: addSpans,
  remove_spans: removeSpans,
  rating,
  reward,
  shown,
} satisfies Readonly<Record<string, SignalKind>>

/** What a sender may try with any model: refused by name where the model does not take it. */
export const usualInputs: readonly InputKind[] = [
  ...[text, textPair, features, messages, image, document, fields],
]

/** The same. A model learns from these unless its task says otherwise. */
export const usualSignals: readonly SignalKind[] = [label, rating]
