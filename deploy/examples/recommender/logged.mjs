/**
 * Logged choices of a fashion shop: the Open Bandit Dataset (CC BY 4.0). The source package `obp` on PyPI has 10,000 showings a
 * policy of it, fetched when the case is played.
 *
 * Saito et al. (2021), "Open Bandit Dataset and Pipeline: towards realistic and reproducible off-policy evaluation", NeurIPS.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fetched } from '../pypi.mjs'

const RELEASE = '0.5.7'
const USER = ['user_feature_0', 'user_feature_1', 'user_feature_2', 'user_feature_3']
const KINDS = ['item_feature_1', 'item_feature_2', 'item_feature_3']

/**
 * `random` and `bts`: what two policies of the shop have shown in one campaign (`men`, `women` or `all`), and what was clicked. A row
 * has the user, the candidates, the place of the item that was shown, its reward and its probability. Throws where there is no pip.
 */
export async function loggedChoices(campaign) {
  const home = await fetched('obp', RELEASE, 'source')
  const folder = join(home, `obp-${RELEASE}`, 'obp', 'dataset', 'obd')
  const read = (policy, file) =>
    csv(readFileSync(join(folder, policy, campaign, `${file}.csv`), 'utf8'))
  const items = read('random', 'item_context').map((row) => ({
    id: row.item_id,
    input: {
      rank: Number(row.item_feature_0),
      ...Object.fromEntries(KINDS.map((name) => [name, row[name]])),
    },
  }))
  const rows = (policy) => read(policy, campaign).map((row) => choiceIn(row, items))
  return { random: rows('random'), bts: rows('bts') }
}

function choiceIn(row, items) {
  return {
    context: Object.fromEntries(USER.map((name) => [name, row[name]])),
    candidates: items.map(({ id, input }) => ({
      id,
      input: { ...input, affinity: Number(row[`user-item_affinity_${id}`] ?? 0) },
    })),
    chosen: items.findIndex(({ id }) => id === row.item_id),
    reward: Number(row.click),
    propensity: Number(row.propensity_score),
  }
}

function csv(text) {
  const [head, ...lines] = text.trimEnd().split(/\r?\n/)
  const names = head.split(',')
  return lines.map((line) => {
    const cells = line.split(',')
    return Object.fromEntries(names.map((name, at) => [name, cells[at]]))
  })
}
