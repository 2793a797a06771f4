/** Generation as a task: what feedback means, what is refused, how examples become tokens, and what is reported. */
import { describe, expect, test } from 'vitest'
import type { FeedbackSignal } from '../../src/contracts/event.ts'
import type { Score } from '../../src/contracts/example.ts'
import { answerOutputs } from '../../src/nn/answer-outputs.ts'
import { openGeneration } from '../../src/tasks/generation/generation.ts'
import { repetitionOf } from '../../src/tasks/generation/repetition.ts'
import type { TextTarget } from '../../src/tasks/generation/target.ts'
import { thrown } from '../coded.ts'
import { asked, llama, settings } from './texts.ts'

const task = openGeneration(settings)
const to = (maxTokens: number) => ({ language: llama.language!, maxTokens })
const idsOf = (text: string) => [...llama.language!.tokens(text)]

test.each<[string, FeedbackSignal, string | undefined, TextTarget]>([
  [
    'a completion',
    { kind: 'completion', text: 'Yes.' },
    undefined,
    { kind: 'completion', completion: 'Yes.' },
  ],
  [
    'a correction of a served answer',
    { kind: 'completion', text: 'Yes.', corrects: true },
    'No.',
    { kind: 'correction', completion: 'Yes.', rejected: 'No.' },
  ],
  [
    'a correction that says the same',
    { kind: 'completion', text: 'Yes.', corrects: true },
    'Yes.',
    { kind: 'completion', completion: 'Yes.' },
  ],
  [
    'a correction of nothing that is known',
    { kind: 'completion', text: 'Yes.', corrects: true },
    undefined,
    { kind: 'completion', completion: 'Yes.' },
  ],
  [
    'a rating',
    { kind: 'rating', rating: -1 },
    'No.',
    { kind: 'rating', rating: -1, completion: 'No.' },
  ],
])('%s', (_name, signal, served, target) => {
  expect(task.target(signal, served, [])).toEqual(target)
})

test.each<[FeedbackSignal, string]>([
  [{ kind: 'label', label: 'a' }, 'SIGNAL_UNSUPPORTED'],
  [{ kind: 'value', value: 1 }, 'SIGNAL_UNSUPPORTED'],
  [{ kind: 'completion', text: ' \n' }, 'EVENT_INVALID'],
  [{ kind: 'preference', chosen: 'a', rejected: 'a' }, 'EVENT_INVALID'],
  [{ kind: 'preference', chosen: 'a', rejected: '' }, 'EVENT_INVALID'],
])('%o is refused on arrival with %s', (signal, code) => {
  expect(thrown(() => task.admit(signal)).code).toBe(code)
})

test.each([
  ['was not served', undefined, false, 'RATING_NEEDS_PREDICTION'],
  ['was cut before it said anything', '', true, 'EVENT_INVALID'],
] as const)('a rating of an answer that %s is refused', (_, served, wasCut, code) => {
  const error = thrown(() => task.target({ kind: 'rating', rating: 1 }, served, [], wasCut))
  expect(error.code).toBe(code)
})

test.each([
  [1, 2.5],
  [-1, 0],
] as const)('of an answer rated %i, its text counts %d times as a completion', (rating, part) => {
  const outputs = answerOutputs([2], Float32Array.from([-1, -3, -2, -2]))
  const learned = (target: TextTarget, liked_weight: number) => {
    const gradient = new Float32Array(outputs.length)
    const of = openGeneration({ ...settings, liked_weight })
    const loss = of.loss({ target, outputs, share: 0.5 }, [], gradient, new Map())
    return { numbers: [loss, ...gradient], error: of.score(outputs, target, []).error }
  }
  const rated = { kind: 'rating', rating, completion: 'a' } as const
  const alone = learned(rated, 0)
  const text = learned({ kind: 'completion', completion: 'a' }, 0)
  const both = learned(rated, 2.5)
  for (const [at, number] of both.numbers.entries())
    expect(number).toBeCloseTo(alone.numbers[at]! + part * text.numbers[at]!, 6)
  expect(both.error).toBe(alone.error)
})

const rewarded = (...rewards: readonly number[]) =>
  rewards.map((reward, at) => ({ text: `answer ${at}`, reward }))

describe('answers with rewards', () => {
  const slopes = (rewards: readonly number[], moved: readonly number[]) => {
    const logs = [...moved.map((by) => by - 3), ...moved.map(() => -3)]
    const outputs = answerOutputs(
      moved.map(() => 1),
      Float32Array.from(logs),
    )
    const gradient = new Float32Array(outputs.length)
    const target = { kind: 'answers', answers: rewarded(...rewards) } as const
    const loss = task.loss({ target, outputs, share: 1 }, [], gradient, new Map())
    return { loss, gradient: [...gradient.subarray(1 + moved.length, 1 + 2 * moved.length)] }
  }

  test('make those likelier that are worth more than the others', () => {
    const { gradient } = slopes([1, 0.5, 0], [0, 0, 0])
    expect(gradient).toEqual([-0.25, 0, 0.25])
  })

  test('of the same worth teach nothing, and hold each other near the base', () => {
    expect(slopes([0.7, 0.7], [0, 0])).toEqual({ loss: 0, gradient: [0, 0] })
    const [one, other] = slopes([0.7, 0.7], [2, 0]).gradient
    expect(one).toBeGreaterThan(0)
    expect(other).toBeLessThan(0)
  })

  test('teach no more once they are as much likelier as their rewards say, however often they come', () => {
    const { beta } = settings
    const { loss, gradient } = slopes([1, 0.5, 0], [0.5 / beta, 0, -0.5 / beta])
    expect(loss).toBeCloseTo(0, 6)
    for (const slope of gradient) expect(slope).toBeCloseTo(0, 6)
  })

  test('say nothing of how an answer that was served is judged but by the best', () => {
    const target = { kind: 'answers', answers: rewarded(0, 1, 0.5) } as const
    expect([task.judge('answer 1', target), task.judge('answer 2', target)]).toEqual([0, 1])
  })
})

describe('tokens', () => {
  const prompt = [...llama.language!.prompt(asked('Hello'))]
  const end = llama.language!.ends[0]!

  test('are the prompt and each answer with its end', () => {
    const target = { kind: 'preference', chosen: 'Yes.', rejected: 'No, never.' } as const
    const row = task.texts!.encode(asked('Hello'), target, to(64))
    const [one, other] = [
      [...prompt, ...idsOf('Yes.'), end],
      [...prompt, ...idsOf('No, never.'), end],
    ]
    expect(row).toEqual({
      data: Int32Array.from([...one, ...other]),
      sequences: [one, other].map((ids) => ({ length: ids.length, answerFrom: prompt.length })),
      isCompared: true,
    })
  })

  test('of an answer that was cut when it was served have no end, whether it is rated or corrected', () => {
    const encoded = (signal: FeedbackSignal, wasCut: boolean) => {
      const target = task.target(signal, 'No and', [], wasCut)
      return [...task.texts!.encode(asked('Hello'), target, to(64)).data]
    }
    const rated = [...prompt, ...idsOf('No and')]
    expect(encoded({ kind: 'rating', rating: -1 }, true)).toEqual(rated)
    expect(encoded({ kind: 'rating', rating: -1 }, false)).toEqual([...rated, end])
    const correction = { kind: 'completion', text: 'Yes.', corrects: true } as const
    const right = [...prompt, ...idsOf('Yes.'), end]
    expect(encoded(correction, true)).toEqual([...right, ...rated])
    expect(encoded(correction, false)).toEqual([...right, ...rated, end])
  })

  test('of an answer without text, when it is rated, are its end alone', () => {
    const target = task.target({ kind: 'rating', rating: -1 }, '', [])
    const encoded = task.texts!.encode(asked('Hello'), target, to(64))
    expect([...encoded.data]).toEqual([...prompt, end])
    expect(encoded).toMatchObject({
      sequences: [{ length: prompt.length + 1, answerFrom: prompt.length }],
    })
  })

  test('of a correction that counts as its text alone are those of its text, and none of the base is asked', () => {
    const alone = openGeneration({ ...settings, correction_weight: 0 })
    const correction: TextTarget = { kind: 'correction', completion: 'Yes.', rejected: 'No.' }
    const input = asked('Hi?')
    const text = alone.texts!.encode(input, { kind: 'completion', completion: 'Yes.' }, to(64))
    expect(alone.texts!.encode(input, correction, to(64))).toEqual(text)

    const outputs = answerOutputs([3], Float32Array.of(-1, -2, -3))
    const gradient = new Float32Array(outputs.length)
    const row = { target: correction, outputs, share: 1 }
    expect(alone.loss(row, [], gradient, new Map())).toBeCloseTo(2)
    // It was encoded like this, and the weight has been raised since.
    expect(task.loss(row, [], new Float32Array(outputs.length), new Map())).toBeCloseTo(2)
  })

  test('of a long answer are cut at its end, and a prompt without room is refused', () => {
    const target = { kind: 'completion', completion: 'a b c d e f g h' } as const
    const row = task.texts!.encode(asked('Hello'), target, to(prompt.length + 3))
    expect(row).toMatchObject({ dropped: idsOf(target.completion).length + 1 - 3 })
    expect(row.data.length).toBe(prompt.length + 3)
    const refused = thrown(() => task.texts!.encode(asked('Hello'), target, to(prompt.length)))
    expect(refused.code).toBe('INPUT_TOO_LONG')
  })

  test('of a conversation that is too long lack its oldest turns where the settings say so', () => {
    const said = (role: 'user' | 'assistant', content: string) => ({ role, content })
    const messages = [said('user', 'one two three'), said('assistant', 'four'), said('user', 'Why')]
    const input = { kind: 'messages', messages } as const
    const target = { kind: 'completion', completion: 'Yes.' } as const
    const [whole, kept] = [messages, messages.slice(2)].map((some) =>
      llama.language!.prompt({ kind: 'messages', messages: some }),
    )
    const truncating = openGeneration({ ...settings, overflow: 'truncate' })
    const most = whole!.length
    const row = truncating.texts!.encode(input, target, to(most))
    const expected = [...kept!, ...idsOf('Yes.'), end]
    expect(row).toMatchObject({
      data: Int32Array.from(expected),
      dropped: whole!.length - kept!.length,
    })
    expect(thrown(() => task.texts!.encode(input, target, to(most))).code).toBe('INPUT_TOO_LONG')
  })

  test('of an answer with a reward that was cut have no end', () => {
    const answers = [
      { text: 'Yes.', reward: 1 },
      { text: 'Yes.', reward: 0, finish_reason: 'length' as const },
    ]
    const row = task.texts!.encode(asked('Hello'), { kind: 'answers', answers }, to(64))
    const yes = [...prompt, ...idsOf('Yes.')]
    expect([...row.data]).toEqual([...yes, end, ...yes])
  })

  test('of a prompt with another answer are the one before the other', () => {
    const rated = (input: string, completion: string) =>
      task.texts!.encode(asked(input), { kind: 'rating', rating: 1, completion }, to(64))
    const row = task.texts!.exchanged(rated('Hello', 'Yes.'), rated('Why', 'No, never.'), 64)
    expect([...row.data]).toEqual([...prompt, ...idsOf('No, never.'), end])
  })
})

describe('the report', () => {
  const row = (logs: readonly number[][], reference: readonly number[][] = []) =>
    answerOutputs(
      logs.map(({ length }) => length),
      Float32Array.from([...logs, ...reference].flat()),
    )
  const said: readonly (readonly [TextTarget, Float32Array])[] = [
    [{ kind: 'completion', completion: 'a' }, row([[-1, -3]])],
    [{ kind: 'preference', chosen: 'a', rejected: 'b' }, row([[-1], [-2]], [[-2], [-2]])],
    [
      { kind: 'correction', completion: 'a', rejected: 'so so so so so' },
      row([[-4], [-1]], [[-1], [-1]]),
    ],
    [{ kind: 'rating', rating: 1, completion: 'fine' }, row([[-1]], [[-1]])],
    [{ kind: 'rating', rating: -1, completion: 'poor' }, row([[-1]], [[-1]])],
    [{ kind: 'answers', answers: rewarded(0.5, 0.1) }, row([[-1], [-2]], [[-2], [-2]])],
  ]
  const scores = said.map(([target, outputs]): readonly [Score, TextTarget] => [
    task.score(outputs, target, []),
    target,
  ])

  test('has the loss of completions, the order of pairs, the ratings and the answers', () => {
    const quality = task.openQuality(8)
    for (const [score, target] of scores) quality.observe(score, target)
    expect(quality.report()).toMatchObject({
      events: 6,
      completions: { events: 2, token_loss: 3 },
      pairs: { events: 2, reward_accuracy: 0.5 },
      ratings: { events: 2, up: 0.5 },
      rewards: { events: 1, reward: 0.3 },
      answers: { events: 3 },
    })
  })

  test('goes on from a snapshot that is restored twice', () => {
    const [one, other] = [task.openQuality(8), task.openQuality(8)]
    for (const [score, target] of scores) one.observe(score, target)
    const state = JSON.parse(JSON.stringify(one.snapshot())) as ReturnType<typeof one.snapshot>
    other.restore(state)
    other.restore(state)
    for (const quality of [one, other])
      for (const [score, target] of scores) quality.observe(score, target)
    expect(other.report()).toEqual(one.report())
  })
})

test('a text repeats itself by the runs of three words that it has said before', () => {
  expect(repetitionOf('one two three four five')).toBe(0)
  expect(repetitionOf('no no no no no no')).toBe(0.75)
  expect(repetitionOf('')).toBe(0)
})

describe('a lesson', () => {
  const { recall, encode } = task.texts!
  const language = llama.language!
  const chat = (...turns: readonly string[]) => ({
    kind: 'messages' as const,
    messages: turns.map((content, at) => ({
      role: at % 2 === 0 ? ('user' as const) : ('assistant' as const),
      content,
    })),
  })
  const target = { kind: 'completion', completion: 'Ada.' } as const
  const lessonOf = (input: ReturnType<typeof asked> | ReturnType<typeof chat>) =>
    recall.lesson(encode(input, target, { language, maxTokens: 500 }), target, language)!

  test.each([
    ['a conversation', chat('Who made it?'), 'Who made it?'],
    ['the last turn of one', chat('Hello', 'Hi', 'Who made\nit?'), 'Who made\nit?'],
    ['a raw text', asked('Who made it?'), 'Who made it?'],
  ])('has the question of %s, as a request asks it', (_, input, question) => {
    expect(lessonOf(input)).toMatchObject({ question, answer: 'Ada.' })
    expect(recall.asked(input, language)).toEqual({ question, same: lessonOf(input).same })
  })

  test('is of the same question whatever its case, spaces and marks, and of another after other turns', () => {
    const { same } = lessonOf(chat('Who made it?'))
    expect(lessonOf(chat(' who  made it ')).same).toBe(same)
    expect(lessonOf(chat('Who made that?')).same).not.toBe(same)
    expect(lessonOf(chat('A lamp', 'Nice', 'Who made it?')).same).not.toBe(same)
  })

  test('of a raw text is that of a conversation with this message alone', () => {
    expect(lessonOf(asked('Who made it?')).same).toBe(lessonOf(chat('who made it')).same)
    expect(recall.asked(asked('Who made it?'), language).same).toBe(
      lessonOf(chat('Who made it?')).same,
    )
    expect(lessonOf(asked('Who made it?')).same).not.toBe(
      lessonOf(chat('Hi', 'A', 'Who made it?')).same,
    )
  })

  test('comes of what says what is right alone', () => {
    const rated = { kind: 'rating', rating: 1, completion: 'Ada.' } as const
    const encoded = encode(chat('Who?'), rated, { language, maxTokens: 500 })
    expect(recall.lesson(encoded, rated, language)).toBeUndefined()
  })

  test('stands before the last question of the user', () => {
    const lessons = [
      { question: 'Q1', answer: 'A1' },
      { question: 'Q2', answer: 'A2' },
    ]
    const input = recall.informed(chat('Hello', 'Hi', 'Who?'), lessons)
    expect(input).toEqual(chat('Hello', 'Hi', 'Q1\nA1\n\nQ2\nA2\n\nWho?'))
    expect(recall.informed(asked('Who?'), lessons.slice(1))).toEqual(asked('Q2\nA2\n\nWho?'))
  })
})
