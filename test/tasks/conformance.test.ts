import { openMultilabel } from '../../src/tasks/multilabel/multilabel.ts'
import { openRegression } from '../../src/tasks/regression/regression.ts'
import { openPolicy } from '../../src/config/plugins/open-policy.ts'
import { policies } from '../../src/plugins.ts'
import { openRanking } from '../../src/tasks/ranking/ranking.ts'
import { taskConformance } from '../conformance/task.ts'
import { classificationOf } from './classification-of.ts'
import { said, spansOf, wordRow } from './spans-of.ts'

const label = (name: string) => ({ signal: { kind: 'label', label: name } }) as const
const value = (number: number) => ({ signal: { kind: 'value', value: number } }) as const

taskConformance('classification with closed labels', {
  open: () => classificationOf({ known: ['a', 'b', 'c'] }),
  taught: [
    label('a'),
    label('c'),
    { signal: { kind: 'rating', rating: 1 }, served: 'b' },
    { signal: { kind: 'rating', rating: -1 }, served: 'a' },
  ],
  refused: [
    { kind: 'label', label: 'd' },
    { kind: 'value', value: 1 },
  ],
})

taskConformance('classification with open labels', {
  open: () => classificationOf({ open: true }),
  taught: [label('x'), label('y'), label('x')],
  refused: [{ kind: 'value', value: 1 }],
})

for (const loss of ['huber', 'squared'])
  taskConformance(`regression with the ${loss} loss`, {
    open: () => openRegression({ loss, huber_delta: 1 }),
    taught: [value(-3), value(100), value(250.5), value(400)],
    refused: [
      { kind: 'label', label: 'a' },
      { kind: 'rating', rating: 1 },
    ],
  })

const served = JSON.stringify({
  seed: 's',
  odds: [0.05, 0.9, 0.05],
  items: [
    ['a', 0.9, 0.4],
    ['b', 0.5, 0.1],
  ],
})
const rewarded = (item: string, reward: number) =>
  ({ signal: { kind: 'reward', item, reward }, served }) as const

for (const exploration of [{ policy: 'epsilon-greedy' }, { policy: 'bootstrap', members: 4 }])
  taskConformance(`ranking that explores by ${exploration.policy}`, {
    open: () =>
      openRanking(
        { reward_min: -1, reward_max: 3, reward_window: 1000 },
        openPolicy('exploration', policies.exploration, exploration),
      ),
    taught: [
      rewarded('a', -1),
      rewarded('a', 3),
      rewarded('b', 0.5),
      { signal: { kind: 'shown', shown: 'b' }, served },
    ],
    refused: [
      { kind: 'label', label: 'a' },
      { kind: 'reward', item: 'a', reward: 3.1 },
    ],
  })

const labels = (...names: string[]) => ({ signal: { kind: 'labels', labels: names } }) as const
const yesNo = (yes: string[], no: string[]) => ({ signal: { kind: 'yes_no', yes, no } }) as const
const rules = { open: false, known: ['a', 'b', 'c'], retired: [], limit: 8 }

taskConformance('multilabel with closed labels', {
  open: () => openMultilabel(rules),
  taught: [
    ...[labels('a', 'b'), labels(), labels('c'), yesNo(['b'], ['c']), yesNo([], ['a'])],
    { signal: { kind: 'rating', rating: 1 }, served: '["a","c"]' },
    { signal: { kind: 'rating', rating: -1 }, served: '["b"]' },
    { signal: { kind: 'rating', rating: -1 }, served: '[]' },
  ],
  refused: [
    { kind: 'labels', labels: ['a', 'd'] },
    { kind: 'yes_no', yes: ['a'], no: ['d'] },
    { kind: 'label', label: 'a' },
    { kind: 'value', value: 1 },
  ],
})

taskConformance('multilabel with open labels', {
  open: () => openMultilabel({ ...rules, open: true, known: [] }),
  taught: [labels('x', 'y'), labels('z'), yesNo(['x'], ['y'])],
  refused: [{ kind: 'label', label: 'a' }],
})

const text = 'a b c d e f'
const about = { input: { kind: 'text', text }, row: wordRow(text) }
const answered = '[{"start":0,"end":3,"label":"x"},{"start":6,"end":7,"label":"y"}]'

taskConformance('spans with closed labels', {
  about,
  open: () => spansOf({ known: ['x', 'y', 'z'] }),
  taught: [
    { signal: { kind: 'spans', spans: said([0, 1, 'x'], [2, 7, 'y']) } },
    { signal: { kind: 'spans', spans: [] } },
    { signal: { kind: 'rating', rating: 1 }, served: answered },
    { signal: { kind: 'rating', rating: -1 }, served: answered },
    { signal: { kind: 'add_spans', add_spans: said([2, 5, 'y']) }, served: answered },
    { signal: { kind: 'remove_spans', remove_spans: [{ start: 6, end: 7 }] }, served: answered },
  ],
  refused: [
    { kind: 'label', label: 'x' },
    { kind: 'spans', spans: said([0, 1, 'other']) },
  ],
})

taskConformance('spans with open labels', {
  about,
  open: () => spansOf({ open: true }),
  taught: [
    { signal: { kind: 'spans', spans: said([0, 3, 'x'], [4, 5, 'y']) } },
    { signal: { kind: 'spans', spans: said([8, 11, 'x']) } },
  ],
  refused: [{ kind: 'value', value: 1 }],
})
