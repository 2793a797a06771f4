/**
 * `tools` of a language model: they stand in a system message, so that what it answers is learned from the same prompt, and
 * writes a call as `{"name": …, "arguments": …}`, which its tokens are bound to. Any other answer is a text that does not begin with
 * a brace.
 */
import { Type, type Static } from 'typebox'
import type { Json } from '../../contracts/core.ts'
import type { TextOptions, TextPart } from '../../serving/services/generation/contract.ts'
import { isObject, type JsonObject } from '../../payloads/reading.ts'
import { Optional, unsupported } from './parameters.ts'

const MOST_TOOLS = 128
const Strict = { additionalProperties: false }
const Name = Type.String({ pattern: '^[a-zA-Z0-9_.-]{1,64}$' })

export const Tools = Type.Array(
  Type.Object(
    {
      type: Type.Literal('function'),
      function: Type.Object(
        {
          name: Name,
          description: Optional(Type.String({ maxLength: 4096 })),
          parameters: Type.Optional(Type.Unsafe<Json>({ type: ['object', 'null'] })),
          strict: Optional(Type.Boolean()),
        },
        Strict,
      ),
    },
    Strict,
  ),
  { maxItems: MOST_TOOLS, description: 'of a language model: functions that it may call' },
)

export const ToolChoice = Type.Union(
  [
    Type.Union([Type.Literal('none'), Type.Literal('auto'), Type.Literal('required')]),
    Type.Object(
      { type: Type.Literal('function'), function: Type.Object({ name: Name }, Strict) },
      Strict,
    ),
  ],
  { description: 'auto: a call or a text; required: a call; or the one function to call' },
)

interface ToolRequest {
  readonly tools?: Static<typeof Tools> | null
  readonly tool_choice?: Static<typeof ToolChoice> | null
}

/** They stand in the conversation; the answer is bound. */
export interface OfferedTools {
  readonly instruction: string
  readonly structure: NonNullable<TextOptions['structure']>
}

/** Undefined: no call may come. Throws for a choice that is none of them. */
export function offeredTools({
  tools,
  tool_choice: choice,
}: ToolRequest): OfferedTools | undefined {
  const all = (tools ?? []).map((tool) => tool.function)
  if (all.length === 0) {
    if (choice !== null && choice !== undefined && choice !== 'none' && choice !== 'auto')
      throw unsupported('tool_choice', 'no tools are given')
    return undefined
  }
  if (choice === 'none') return undefined
  const only = typeof choice === 'object' && choice !== null ? choice.function.name : undefined
  const callable = all.filter(({ name }) => only === undefined || name === only)
  if (callable.length === 0) throw unsupported('tool_choice', `${only} is none of the tools`)
  const anyOf = callable.map(({ name, parameters }, at) => ({
    type: 'object',
    properties: {
      name: { const: name },
      arguments: rebased(
        parameters ?? { type: 'object', additionalProperties: false },
        `#/anyOf/${at}/properties/arguments`,
      ),
    },
    required: ['name', 'arguments'],
  }))
  const isText = (choice ?? 'auto') === 'auto'
  return {
    instruction: [
      'You can call functions. To call one, answer with {"name": …, "arguments": …} alone.',
      ...all.map(({ name, description, parameters }) =>
        JSON.stringify({ name, ...(description && { description }), parameters: parameters ?? {} }),
      ),
    ].join('\n'),
    structure: { schema: { anyOf }, param: 'tools', ...(isText && { orText: true }) },
  }
}

/** References count from the schema of the one function. */
function rebased(value: Json, place: string): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map((each) => rebased(each, place))
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [
      key,
      key === '$ref' && typeof each === 'string' && each.startsWith('#')
        ? `${place}${each.slice(1)}`
        : rebased(each, place),
    ]),
  )
}

/** A call as the API has it: the arguments as JSON in a text. */
interface ToolCall {
  readonly id: string
  readonly type: 'function'
  readonly function: { readonly name: string; readonly arguments: string }
}

/** Undefined: the answer is a text, or was cut. */
export function callIn(text: string, id: string): ToolCall | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    const call = JSON.parse(text) as { readonly name: string; readonly arguments: Json }
    const written = JSON.stringify(call.arguments)
    return { id: `call_${id}`, type: 'function', function: { name: call.name, arguments: written } }
  } catch {
    return undefined
  }
}

/** An answer that begins with a brace waits for its end: only then is it known whether it is a call. */
export class PossibleCalls {
  readonly #texts = new Map<number, string>()

  /** What may be shown now. */
  textOf({ index, text, finish }: Pick<TextPart, 'index' | 'text' | 'finish'>): string {
    const whole = (this.#texts.get(index) ?? '') + text
    this.#texts.set(index, whole)
    if (!whole.startsWith('{')) return text
    return finish !== undefined && this.callOf(index) === undefined ? whole : ''
  }

  callOf(index: number, id = '') {
    return callIn(this.#texts.get(index) ?? '', id)
  }
}

/** Calls of an earlier answer, as the model wrote them. */
export function writtenCalls(calls: readonly JsonObject[]): string {
  const written = calls.map(({ function: called }) => {
    const { name = null, arguments: text = null } = isObject(called) ? called : {}
    return JSON.stringify({ name, arguments: typeof text === 'string' ? parsed(text) : text })
  })
  return written.join('\n')
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return text
  }
}
