/** The lessons of loaded versions: found by the embeddings of their questions, which come and go with the versions. */
import { expect, test } from 'vitest'
import { retrieval } from '../../policies/memory/retrieval.ts'
import { lessonTensors } from '../../src/nn/lessons.ts'
import { Lessons, type LessonParts } from '../../src/serving/services/generation/retrieval.ts'
import { openGeneration } from '../../src/tasks/generation/generation.ts'
import type { Version } from '../../src/versions/contract.ts'
import { settled } from './fake-clock.ts'
import { fakeLanguage } from './fake-writing.ts'

const task = openGeneration({
  ...{ max_tokens: 4, temperature: 1, top_p: 1, overflow: 'refuse', kl: 0, liked_weight: 0 },
  ...{
    correction_weight: 1,
    general_batch: 0,
    reward_timeout: 30_000,
    beta: 1,
    up_weight: 1,
    down_weight: 1,
  },
})

/** An embedding counts letters, so the same words in another order are near. */
function open() {
  let gate = Promise.resolve()
  const encoded: string[] = []
  const base = {
    encode: ({ text }: { readonly text: string }) => {
      encoded.push(text)
      return { kind: 'ids', ids: Int32Array.from(text, (letter) => letter.charCodeAt(0)) }
    },
  }
  const trunk = {
    async encode(rows: readonly { readonly ids: Int32Array }[]) {
      await gate
      return rows.map(({ ids }) => {
        const data = new Float32Array(26)
        for (const id of ids) if (id >= 97 && id < 123) data[id - 97]! += 1
        return { data, width: 26, positions: 1 }
      })
    },
  }
  const policy = retrieval.open({
    ...{ count: 1, similarity: 0.9, margin: 0, names: 'ignored', embedding: 'letters' },
    ...{ capacity: 10, bytes: 1024, every: 1 },
  }).retrieval!
  const parts = { policy, recall: task.texts!.recall, language: fakeLanguage, base, trunk }
  const lessons = new Lessons(parts as unknown as LessonParts)
  const loaded: string[] = []
  const engine = lessons.beside({
    async load(key) {
      if (key === 'broken') throw new Error('broken')
      loaded.push(key)
      return Promise.resolve()
    },
    unload: (key) => void loaded.splice(loaded.indexOf(key), 1),
  })
  const found = async (key: string, text: string) => {
    const [near] = await lessons.near(key, [{ kind: 'text', text }])
    return near!.map(({ id, isSame }) => (isSame ? `same ${id}` : id))
  }
  return {
    ...{ engine, found, encoded, loaded },
    hold() {
      let release = () => {}
      gate = new Promise<void>((resolve) => (release = resolve))
      return release
    },
  }
}

function version(...questions: readonly string[]): Version {
  const stored = questions.map((question) => ({
    ...{ source: 'desk', id: question.split(' ')[0]!, question, answer: question.toUpperCase() },
    same: task.texts!.recall.asked({ kind: 'text', text: question }, fakeLanguage).same,
  }))
  return { manifest: {}, parameters: lessonTensors(stored) } as unknown as Version
}

test('a version answers from its own lessons: the same words, or words that are near', async () => {
  const { engine, found } = open()
  await engine.load('v1', version('opens when'))
  await engine.load('v2', version('opens when', 'costs much'))
  expect(await found('v2', 'costs  MUCH?')).toEqual(['same costs'])
  expect(await found('v2', 'much costs')).toEqual(['costs'])
  expect(await found('v1', 'much costs')).toEqual([])
  expect(await found('v2', 'zzz')).toEqual([])
})

test('a question is embedded once while a version has it', async () => {
  const { engine, encoded } = open()
  await engine.load('v1', version('opens when'))
  await engine.load('v2', version('opens when', 'costs much'))
  engine.unload('v1')
  await engine.load('v3', version('opens when'))
  expect(encoded).toEqual(['opens when', 'costs much'])
  engine.unload('v2')
  engine.unload('v3')
  await engine.load('v4', version('opens when'))
  expect(encoded).toHaveLength(3)
})

test('a version that goes while another one loads takes none of its lessons along', async () => {
  const { engine, found, hold } = open()
  await engine.load('v1', version('opens when'))
  const release = hold()
  const loading = engine.load('v2', version('opens when', 'costs much'))
  await settled()
  engine.unload('v1')
  release()
  await loading
  expect(await found('v2', 'when opens')).toEqual(['opens'])
})

test('a version that cannot be loaded leaves nothing behind', async () => {
  const { engine, found, encoded, loaded } = open()
  await expect(engine.load('broken', version('opens when'))).rejects.toThrow('broken')
  expect([await found('broken', 'opens when'), loaded]).toEqual([[], []])
  await engine.load('v1', version('opens when'))
  expect(encoded).toHaveLength(2)
})
