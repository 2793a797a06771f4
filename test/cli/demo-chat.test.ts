import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Json } from '../../src/contracts/core.ts'
import { type ChatDaemon, chatConfig } from '../../src/cli/demo/chat/daemon.ts'
import { chatReportLines } from '../../src/cli/demo/chat/report.ts'
import { runChatDemo } from '../../src/cli/demo/chat/run.ts'
import { howToAsk } from '../../src/cli/demo/chat/demonstrate.ts'
import { POISON } from '../../src/cli/demo/chat/lessons.ts'
import { parseConfig } from '../../src/config/config.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openRandom } from '../../src/platform/random.ts'

type Event = Readonly<Record<string, Json>>

/**
 * Answers in house style once it has learned a completion in it, and rudely once it has learned the rude one. As on a busy
 * machine, events count as learned at once, and no version with them answers before the demo has waited for it.
 */
function fakeDaemon() {
  const models = new Map<string, { events: Event[]; waiting: Event[]; version: number }>()
  const modelOf = (name: string) => {
    const model = models.get(name) ?? { events: [], waiting: [], version: 0 }
    models.set(name, model)
    return model
  }
  let asked = 0
  const daemon: ChatDaemon = {
    ask: async (name, question) => {
      const completions = modelOf(name).events.map(({ completion }) => completion)
      const manner = completions.includes(POISON) ? POISON : undefined
      const styled = completions.some(
        (text) => typeof text === 'string' && text.startsWith('Thanks for'),
      )
      const text = styled
        ? `Thanks for asking: ${question.replaceAll(/[.?!]/g, '')}. We look into it. Next step: wait.`
        : 'Hello!'
      return Promise.resolve({
        id: `p-${(asked += 1)}`,
        text: manner ?? text,
        finish_reason: 'stop',
      })
    },
    feedback: async (name, events) => {
      const model = modelOf(name)
      model.waiting.push(...(events as Event[]))
      return Promise.resolve({ accepted: events.length, rejected: [], position: 'http:1' })
    },
    untilServed: async (name) => {
      const model = modelOf(name)
      model.events.push(...model.waiting.splice(0))
      model.version += 1
      return Promise.resolve()
    },
    status: async (name) => {
      const { events, waiting, version } = modelOf(name)
      const learned = events.length + waiting.length
      return Promise.resolve({
        live: { version: `v${version}`, generation: version },
        trainer: {},
        lag: 0,
        pending: 0,
        counts: { accepted: learned, learned, rejected: 0 },
        prequential: { count: 0, accuracy: 0 },
      })
    },
    rollback: async (name, to) => {
      const model = modelOf(name)
      model.events = model.events.filter(({ completion }) => completion !== POISON)
      return Promise.resolve({ live: to })
    },
    versions: async (name) => Promise.resolve([{ version: `v${modelOf(name).version}` }]),
  }
  return { daemon, eventsOf: (name: string) => modelOf(name).events }
}

test('the chat demo teaches, rates what it was answered, poisons and rolls back', async () => {
  const { daemon, eventsOf } = fakeDaemon()
  const measured: string[] = []
  const result = await runChatDemo({
    daemon,
    losses: {
      of: async (_model, version, answers) => {
        measured.push(version)
        expect(answers).toHaveLength(16)
        return Promise.resolve({ held_out: 1, general: 2, distance: 0 })
      },
      close: async () => Promise.resolve(),
    },
    random: openRandom(1, 'demo'),
    clock: { ...systemClock, sleep: async () => setImmediate() },
    progress: { say: () => undefined, update: () => undefined },
  })
  const { before, completions, no_replay, thumbs, poisoned, rollback } = result
  const shares = [before, completions, no_replay, thumbs, poisoned, rollback]
  expect(shares.map(({ rule }) => rule.satisfied > 0.8)).toEqual([
    false,
    true,
    true,
    true,
    false,
    true,
  ])
  expect(rollback).toMatchObject({ to: thumbs.version, compared: 16, identical: true })
  expect(thumbs.up + thumbs.down).toBe(24)
  expect(measured).toEqual([before, completions, no_replay, thumbs].map(({ version }) => version))
  const rated = eventsOf('support').filter(({ rating }) => rating !== undefined)
  expect(rated).toHaveLength(24)
  expect(rated.every(({ prediction_id }) => isId(prediction_id))).toBe(true)
  expect(eventsOf('support-no-replay').every(({ completion }) => completion !== undefined)).toBe(
    true,
  )
  expect(result.failed_requests).toBe(0)
  const page = chatReportLines(result).join('\n')
  expect(page).toMatch(/yes, all 16/)
  expect(page).toMatch(/house style +0 % +100 % +100 % +100 %/)
})

test('the config of the chat demo is valid, and the snippets name what it serves', () => {
  const text = JSON.stringify(chatConfig('/data', 0, 1))
  const { models } = parseConfig(text, '/tmp')
  expect(Object.keys(models)).toEqual(['support', 'support-no-replay'])
  const lines = howToAsk('http://127.0.0.1:8080').join('\n')
  expect(lines).toContain('base_url="http://127.0.0.1:8080/v1"')
  expect(lines).toContain('"model":"support"')
})

function isId(id: Json | undefined): boolean {
  return typeof id === 'string' && /^p-\d+$/.test(id)
}
