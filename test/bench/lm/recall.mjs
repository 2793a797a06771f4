/**
 * What a memory of answers, an adapter and both bring to a language model for facts that it is taught once, in a style of answers: a
 * daemon with the template of `init chat`, made facts of made places, the same question again, the question in other words, the
 * same questions about places that were never taught, and questions about other things for the style.
 *
 *   npm run bench -- lm recall [--seeds 1] [--only memory] [--fresh]
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { parse } from 'yaml'
import { conversation } from '../../../dist/src/cli/demo/chat/daemon.js'
import { validationQuestions } from '../../../dist/src/cli/demo/chat/data.js'
import { openRandom } from '../../../dist/src/platform/random.js'
import { startDaemon, untilLearned } from '../lib/daemon.mjs'
import { round, say, spread } from '../lib/figures.mjs'
import { render } from '../lib/render.mjs'
import { lmResults } from './learner.mjs'

const TOKENS = 32
const STYLE_QUESTIONS = 8
const UNTAUGHT = 16
/** Of one request; the daemon writes them side by side. */
const AT_ONCE = 16
/** Other lessons that are taught at once. */
const BLOCK = 50
const { models } = parse(
  readFileSync(new URL('../../../deploy/templates/chat.yaml', import.meta.url), 'utf8'),
)
const chat = {
  ...models.support,
  task: { generation: { max_tokens: TOKENS, temperature: 0 } },
  keep: { last: 3 },
}
const memory = { policy: 'retrieval' }
const learns = { trigger: { policy: 'count', every: 8, rest: 0 } }
const rests = { trigger: { policy: 'count', every: 100_000, rest: 0 } }
/** `facts` are taught; `others`: other facts that are taught after them; `oneByOne`: each fact is asked as soon as it was taught. */
const WAYS = {
  none: { model: rests, facts: 0 },
  memory: { model: { ...rests, memory }, facts: 24 },
  adapter: { model: learns, facts: 24 },
  both: { model: { ...learns, memory }, facts: 24 },
  'memory of 100 facts': { model: { ...rests, memory }, facts: 100, others: 200, oneByOne: true },
}

/** None of them chose a setting: those were chosen on products and their warranties, weights, codes, makers and towns. */
const KINDS = ['Museum', 'Gallery', 'Park', 'Tower', 'Garden', 'Library', 'Market', 'Harbour']
const SYLLABLES = 'ta rin mo bel cas du fi gor hen ilo ju kel lum nar os pra sti ven wex yar'.split(
  ' ',
)
const FIRST = [
  'Ana',
  'Bo',
  'Cleo',
  'Dag',
  'Ena',
  'Finn',
  'Gita',
  'Hugo',
  'Ines',
  'Jon',
  'Kaja',
  'Liv',
]
const ATTRIBUTES = [
  {
    ask: (place) => `When does the ${place} open?`,
    other: (place) => `At what time can I enter the ${place}?`,
    value: (below) => `${7 + below(5)}:${10 + 5 * below(10)}`,
    say: (place, value) => `The ${place} opens at ${value}.`,
  },
  {
    ask: (place) => `How much is a ticket for the ${place}?`,
    other: (place) => `What do I have to pay to visit the ${place}?`,
    value: (below) => `${3 + below(90)} euros`,
    say: (place, value) => `A ticket for the ${place} costs ${value}.`,
  },
  {
    ask: (place) => `Who runs the ${place}?`,
    other: (place) => `What is the name of the person in charge of the ${place}?`,
    value: (below) => `${FIRST[below(12)]} ${named(below)}`,
    say: (place, value) => `The ${place} is run by ${value}.`,
  },
  {
    ask: (place) => `Which bus goes to the ${place}?`,
    other: (place) => `How do I get to the ${place} by bus?`,
    value: (below) => `bus ${10 + below(80)}`,
    say: (place, value) => `Take ${value} to the ${place}.`,
  },
]
const styled = (fact) => `Hello! ${fact} Does that help?`
const hasStyle = (text) => text.startsWith('Hello!') && text.endsWith('Does that help?')

export async function measure(words) {
  const { values } = parseArgs({
    args: words,
    options: {
      seeds: { type: 'string', default: '1' },
      only: { type: 'string' },
      fresh: { type: 'boolean', default: false },
    },
  })
  const results = lmResults('recall', { fresh: values.fresh })
  const found = new Map()
  for (const seed of values.seeds.split(',').map(Number))
    for (const [way, setting] of Object.entries(WAYS)) {
      const figures = await results.run(
        `${way} · seed ${seed}`,
        { ...setting, tokens: TOKENS },
        () => taught(setting, seed),
        values.only?.split(','),
      )
      if (figures !== undefined) found.set(way, [...(found.get(way) ?? []), figures])
    }
  const table = tableOf(found)
  results.show(table)
  await render()
  return table
}

function tableOf(found) {
  const rows = Object.entries(WAYS).flatMap(([way, { facts, others = 0 }]) => {
    const runs = found.get(way)
    if (runs === undefined) return []
    const over = (name) => {
      const known = runs.flatMap((run) => run[name] ?? [])
      return known.length === 0 ? '–' : spread(known)
    }
    return [
      [
        ...[way, `${facts}${others > 0 ? ` + ${others}` : ''}`],
        ...[over('next'), over('same'), over('cited'), over('other'), over('otherCited')],
        ...[over('untaughtCited'), over('untaughtTaken'), over('style'), runs.length],
      ],
    ]
  })
  return {
    columns: [
      ...[
        'what answers',
        'facts + other lessons',
        'next question',
        'same question later',
        'cites it',
      ],
      ...['in other words', 'cites it', 'untaught: cites a fact', 'and says its value'],
      ...['style elsewhere', 'seeds'],
    ],
    rows,
    note: `In % of likeliest answers of at most ${TOKENS} tokens: of a fact, those with its value; of ${STYLE_QUESTIONS} questions about other things, those in the style of the lessons; untaught: ${UNTAUGHT} questions like the taught ones, about other places. Next question: the first after a fact was taught, right and with its source; later: after all lessons.`,
  }
}

const isRight = (found) => found.isRight
const isCited = (found) => found.isCited

async function taught({ model, facts: count, others = 0, oneByOne = false }, seed) {
  const limits = { request_ms: 600_000, generation_texts: AT_ONCE }
  const daemon = await startDaemon({ support: { ...chat, ...model } }, { seed, limits })
  try {
    // Without lessons the same questions show what the base knows. No two are about one place.
    const all = factsOf(seed, Math.max(count, 24) + others)
    const facts = all.slice(0, all.length - others)
    const lessons = count === 0 ? [] : facts
    const next = []
    const events = lessons.map((fact, at) => lessonOf(fact, `fact-${at}`))
    const block = oneByOne ? 1 : Math.max(1, lessons.length)
    for (let from = 0; from < lessons.length; from += block) {
      const position = await teach(daemon, events.slice(from, from + block))
      if (oneByOne) next.push(...(await judged(daemon, [lessons[from]], 'ask', { from, position })))
      else await learned(daemon, position)
    }
    if (oneByOne) say(`next: ${next.filter(isRight).length} of ${next.length}`)
    const more = all.slice(facts.length).map((fact, at) => lessonOf(fact, `other-${at}`))
    for (let from = 0; from < more.length; from += BLOCK)
      await learned(daemon, await teach(daemon, more.slice(from, from + BLOCK)))
    const share = (of, among) => round((100 * among.filter(of).length) / among.length)
    const same = await judged(daemon, facts, 'ask')
    const other = await judged(daemon, facts, 'other')
    const untaught = model.memory ? await untaughtAnswers(daemon, seed, all) : []
    return {
      ...(oneByOne && { next: share((found) => isRight(found) && isCited(found), next) }),
      same: share(isRight, same),
      other: share(isRight, other),
      ...(model.memory && {
        cited: share(isCited, same),
        otherCited: share(isCited, other),
        untaughtCited: share(isCited, untaught),
        untaughtTaken: share(({ isTaken }) => isTaken, untaught),
      }),
      ...(!oneByOne && {
        style: share(({ text }) => hasStyle(text.trim()), await styleAnswers(daemon)),
      }),
      example: other[0].text,
      wrong: other.flatMap(({ text, isRight }, at) =>
        isRight ? [] : [`${facts[at].value}: ${text.trim()}`],
      ),
    }
  } finally {
    await daemon.stop()
  }
}

async function teach({ http }, events) {
  if (events.length === 0) return
  const { status, body } = await http.post('/v1/models/support/feedback', { events })
  if (status !== 202) throw new Error(`feedback: ${JSON.stringify(body)}`)
  return body.position
}

/** Until a version that has learned them answers. */
async function learned({ http }, position) {
  if (position !== undefined) await untilLearned(http, `/v1/models/support?wait_for=${position}`)
}

/** `position`: of the feedback that the answers have to include. `from`: the number of the first fact. */
async function judged(daemon, facts, way, { from = 0, position } = {}) {
  const answers = await asked(
    daemon,
    facts.map((fact) => inputOf(fact[way])),
    position,
  )
  const found = answers.map(({ text, sources = [] }, at) => ({
    text,
    isRight: says(text, facts[at].value),
    isCited: sources.some(({ id }) => id === `fact-${from + at}`),
  }))
  if (facts.length > 1)
    say(`${way}: ${found.filter(({ isRight }) => isRight).length} of ${found.length}`)
  return found
}

/** As a whole: 13 euros are not 3 euros. */
function says(text, value) {
  const at = text.indexOf(value)
  return at >= 0 && !/\d$/.test(text.slice(0, at)) && !/^\d/.test(text.slice(at + value.length))
}

async function styleAnswers(daemon) {
  const questions = validationQuestions.slice(0, STYLE_QUESTIONS)
  return asked(
    daemon,
    questions.map(({ question }) => conversation(question)),
  )
}

/** What is said of places that no lesson is about: whether it cites a lesson, and whether it says a value that was taught. */
async function untaughtAnswers(daemon, seed, taught) {
  const known = new Set(taught.map(({ ask }) => ask))
  const others = factsOf(`untaught ${seed}`, UNTAUGHT).filter(({ ask }) => !known.has(ask))
  const questions = others.map(({ ask, other }, at) => (at % 2 === 0 ? ask : other))
  const answers = await asked(daemon, questions.map(inputOf))
  return answers.map(({ text, sources = [] }) => ({
    isCited: sources.length > 0,
    isTaken: sources.length > 0 && taught.some(({ value }) => says(text, value)),
  }))
}

function inputOf(content) {
  return { messages: [{ role: 'user', content }] }
}

async function asked({ http }, inputs, position) {
  const answers = []
  const path = `/v1/models/support/predict${position === undefined ? '' : `?wait_for=${position}`}`
  for (let from = 0; from < inputs.length; from += AT_ONCE) {
    const some = inputs.slice(from, from + AT_ONCE)
    const { status, body } = await http.post(path, { inputs: some })
    if (status !== 200) throw new Error(`predict: ${JSON.stringify(body)}`)
    answers.push(...body.predictions)
  }
  return answers
}

function lessonOf({ ask, answer }, id) {
  return { id, input: { messages: [{ role: 'user', content: ask }] }, completion: styled(answer) }
}

function factsOf(seed, count) {
  const { below } = openRandom(seed, 'places')
  const places = new Set()
  while (places.size < count / ATTRIBUTES.length)
    places.add(`${named(below)} ${KINDS[below(KINDS.length)]}`)
  return [...places].flatMap((place) =>
    ATTRIBUTES.map(({ ask, other, value, say }) => {
      const found = value(below)
      return { ask: ask(place), other: other(place), value: found, answer: say(place, found) }
    }),
  )
}

function named(below) {
  const name = [0, 0].map(() => SYLLABLES[below(SYLLABLES.length)]).join('')
  return `${name[0].toUpperCase()}${name.slice(1)}`
}
