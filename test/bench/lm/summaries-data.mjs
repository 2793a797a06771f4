/**
 * ACLSum (PyPI `aclsum`, MIT): abstracts of papers, each with a sentence by an expert on its challenge, its approach and its outcome.
 * The wheel is fetched once into the cache of benches.
 *
 * Takeshita et al. (2024), "ACLSum: a new dataset for aspect-based summarization of scientific publications", NAACL.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { userCache } from '../../../dist/src/platform/user-cache.js'
import { say } from '../lib/figures.mjs'

const VERSION = '0.1.2'
const FILES = { train: 'train.jsonl', validation: 'val.jsonl', test: 'test.jsonl' }
const ASPECTS = {
  challenge: 'the challenge that this paper takes on',
  approach: 'the approach of this paper',
  outcome: 'the outcome of this paper',
}

/** Rows `{ question, answer, aspect }`, three of each paper. `cut` shortens an abstract to the tokens that are kept of it. */
export function summaries(part, cut) {
  return papers(part).flatMap(({ summary, sentences }) => {
    const abstract = cut(sentences.abstract.join(' ').replaceAll(/ ([.,;:)])/g, '$1'))
    return Object.entries(ASPECTS).map(([aspect, what]) => ({
      ...{ aspect, answer: summary[aspect] },
      question: `${abstract}\n\nSay in one sentence ${what}.`,
    }))
  })
}

function papers(part) {
  const lines = readFileSync(join(folder(), 'aclsum', 'dataset', FILES[part]), 'utf8').trim()
  return lines.split('\n').map((line) => JSON.parse(line))
}

function folder() {
  const home = join(userCache(), 'bench', `aclsum-${VERSION}`)
  if (existsSync(home)) return home
  say(`fetching aclsum ${VERSION} into ${home}`)
  const work = `${home}.work`
  rmSync(work, { recursive: true, force: true })
  mkdirSync(work, { recursive: true })
  const words = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--only-binary=:all:']
  execFileSync('python3', [...words, '--target', work, `aclsum==${VERSION}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  renameSync(work, home)
  return home
}
