/**
 * The chat template of a model: Jinja, as `apply_chat_template` of transformers renders it, by Hugging Face's own library.
 * A template may raise an error for a conversation that its model was not trained for; that is the caller's to correct.
 */
import type { ChatMessage } from '../../contracts/event.ts'
import { digestOf } from '../../platform/canonical-json.ts'
import { failure } from '../../platform/errors.ts'
import { timeLimit } from '../../platform/time-limit.ts'
import { chatRenderer } from '../chat-renderer.ts'
import { tryOnce, tryOut } from '../trial.ts'

export interface ChatTemplate {
  readonly source: string
  /** `isOpen`: the assistant's turn begins behind the conversation. Throws CHAT_TEMPLATE_FAILED. */
  render(messages: readonly ChatMessage[], isOpen: boolean): string
}

/** Texts of special tokens by their names in templates, such as `bos_token`. */
export type NamedTokens = Readonly<Record<string, string>>

/** A rendering is at most so many times as long as what it renders, and some more. */
const [MOST_TIMES, SOME_MORE] = [16, 2 ** 20]

/** Why conversations cannot be rendered by it, as far as short ones show. */
export async function templateFault({
  template,
  named,
}: {
  readonly template: string | undefined
  readonly named: NamedTokens
}): Promise<string | undefined> {
  if (template === undefined) return undefined
  const [user, assistant, system] = ['user', 'assistant', 'system'].map((role) => ({
    role,
    content: 'a',
  }))
  const turns = Array.from({ length: 64 }, (_, at) => (at % 2 === 0 ? user : assistant))
  const conversations = [[user], [user, assistant], [system, user], turns]
  const values = conversations.flatMap((messages) =>
    [true, false].map((isOpen) => valuesOf(messages as readonly ChatMessage[], isOpen, named)),
  )
  return tryOnce(digestOf({ template, named }), () => ({ template, values }))
}

function valuesOf(messages: readonly ChatMessage[], isOpen: boolean, tokens: NamedTokens): object {
  return { messages, add_generation_prompt: isOpen, ...tokens }
}

export interface TemplateParts {
  /** Undefined: the model has none. One that cannot be parsed is reported when it is used. */
  readonly source: string | undefined
  readonly tokens: NamedTokens
  /** Present if its trial has failed. */
  readonly fault: string | undefined
}

export function chatTemplate({ source, tokens, fault }: TemplateParts): ChatTemplate {
  let render: ReturnType<typeof chatRenderer> | undefined
  const limited = timeLimit(() => new Error('it takes too long for a conversation'))
  return {
    source: source ?? '',
    render(messages, isOpen) {
      if (source === undefined)
        throw failure('CHAT_TEMPLATE_MISSING', 'the base has no chat template')
      const values = valuesOf(messages, isOpen, tokens)
      const size = messages.reduce((sum, { content }) => sum + TURN + content.length, 0)
      const most = MOST_TIMES * (size + source.length) + SOME_MORE
      try {
        if (fault !== undefined) throw new Error(fault)
        const rendering = limited({
          size: render === undefined ? size + source.length : size,
          run: () => (render ??= chatRenderer(source))(values),
          tryElsewhere: async () =>
            (await tryOut({ template: source, values: [values] })) === undefined,
        })
        if (rendering.length <= most) return rendering
        throw new Error(`it makes more than ${most} characters of ${size}`)
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause)
        throw failure('CHAT_TEMPLATE_FAILED', `the chat template: ${why.slice(0, 300)}`, { cause })
      }
    },
  }
}

/** Characters that a turn counts for beside its content. */
const TURN = 50
