/**
 * The chat template of a model: Jinja, as `apply_chat_template` of transformers renders it, by Hugging Face's own library.
 * A template may raise an error for a conversation that its model was not trained for; that is the caller's to correct.
 */
import { Template } from '@huggingface/jinja'
import type { ChatMessage } from '../../contracts/event.ts'
import { failure } from '../../platform/errors.ts'
import { timeLimit } from '../../platform/time-limit.ts'

export interface ChatTemplate {
  readonly source: string
  /** `isOpen`: the assistant's turn begins behind the conversation. Throws CHAT_TEMPLATE_FAILED. */
  render(messages: readonly ChatMessage[], isOpen: boolean): string
}

/** Texts of special tokens by their names in templates, such as `bos_token`. */
export type NamedTokens = Readonly<Record<string, string>>

/** For one conversation. A thousand turns take some tens of milliseconds. */
const MOST_MS = 500

/** `source` undefined: the model has none. A template that cannot be parsed is reported when it is used. */
export function chatTemplate(source: string | undefined, tokens: NamedTokens): ChatTemplate {
  let template: Template | undefined
  const limited = timeLimit(MOST_MS, () => new Error(`it takes more than ${MOST_MS} ms`))
  return {
    source: source ?? '',
    render(messages, isOpen) {
      if (source === undefined)
        throw failure('CHAT_TEMPLATE_MISSING', 'the base has no chat template')
      try {
        return limited(() => {
          template ??= new Template(source)
          return template.render({ messages, add_generation_prompt: isOpen, ...tokens })
        })
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause)
        throw failure('CHAT_TEMPLATE_FAILED', `the chat template: ${why.slice(0, 300)}`, { cause })
      }
    },
  }
}
