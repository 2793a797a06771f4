/** A flame graph shows each frame in proportion to its samples, and is an SVG by itself. */
import { expect, test } from 'vitest'
import { flameGraph, hottest } from './flame-graph.mjs'

const frame = (functionName: string, url = '') => ({ functionName, url, lineNumber: 4 })
const profile = {
  nodes: [
    { id: 1, callFrame: frame('(root)'), children: [2, 5] },
    { id: 2, callFrame: frame('step', 'file:///a/optim/step.js'), children: [3, 4] },
    { id: 3, callFrame: frame('matMul<T>') },
    { id: 4, callFrame: frame('') },
    { id: 5, callFrame: frame('(idle)') },
  ],
  samples: [3, 3, 3, 4, 2, 5, 5],
}

test('frames are as wide as their share of the samples, without idle time', () => {
  const svg = flameGraph(profile, 'a & b')
  expect(svg).toMatch(/^<svg xmlns/)
  expect(svg).toContain('a &amp; b')
  expect(svg).toContain('<title>all: 5 samples, 100.0 %</title>')
  expect(svg).toContain('<title>step optim/step.js:5: 5 samples, 100.0 %</title>')
  expect(svg).toMatch(
    /matMul&lt;T&gt;: 3 samples, 60\.0 %<\/title><rect x="0\.0" y="\d+" width="720\.0"/,
  )
  expect(svg).toMatch(/\(anonymous\): 1 samples, 20\.0 %<\/title><rect x="720\.0"/)
  expect(svg).not.toContain('idle')
  expect(svg).not.toMatch(/href|<script/)
})

test('a frame too narrow for a name has none', () => {
  const samples = [...Array.from({ length: 400 }, () => 3), 4]
  const svg = flameGraph({ ...profile, samples }, '')
  expect(svg).toContain('<title>(anonymous): 1 samples, 0.2 %</title>')
  expect(svg).not.toMatch(/<text[^>]*>\(anon/)
  expect(svg).toMatch(/<text[^>]*>matMul&lt;T&gt;<\/text>/)
})

test('the hottest functions are those with the most samples of their own', () => {
  expect(hottest(profile, 2)).toEqual([
    { name: 'matMul<T>', share: 0.6 },
    { name: '(anonymous)', share: 0.2 },
  ])
})
