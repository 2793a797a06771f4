/** Manipulated pictures: four kinds are taught, then a new one appears, with fifty labels of it. */
import { share, shuffled } from '../baselines.mjs'
import { auc, odds } from './odds.mjs'
import { CLEAN, KNOWN, NEW, pictures } from './rows.mjs'

export const summary =
  'clean and manipulated pictures, by the noise in them; a new manipulation appears, and fifty of it are labelled'

/** Of clean pictures that may be called manipulated. */
const FALSE_ALARMS = 0.02
/** That they are no more. */
const CERTAINTY = 0.9
/** Pixels along a side for a test. */
const TINY = 32

const views = {
  photos: ({ picture }) => ({ image: picture.toString('base64') }),
  residuals: ({ residual }) => ({ image: residual.toString('base64') }),
  both: ({ picture, residual }) => ({
    fields: {
      photo: { image: picture.toString('base64') },
      residual: { image: residual.toString('base64') },
    },
  }),
}
const names = { photos: 'picture', residuals: 'residual', both: 'both' }

export async function play({ model, random, small, say, progress }) {
  const side = small ? TINY : undefined
  const [each, added, asking, ordinary] = small ? [4, 4, 4, 4] : [80, 50, 50, 200]
  const all = (KNOWN.length + 1) * (each + asking) + added + 2 * ordinary
  say(`${all} pictures of a made camera, clean and manipulated`)
  let drawn = 0
  const made = async (labels, count) =>
    pictures(random, labels, { count, side, onMade: () => progress((drawn += 1), all, 'made') })
  const taught = shuffled(await made([CLEAN, ...KNOWN], each), random)
  const recent = await made([NEW], added)
  const clean = await made([CLEAN], ordinary)
  const asked = await made([...KNOWN, NEW], asking)
  const unseen = await made([CLEAN], ordinary)

  const before = await learned(`${taught.length} pictures, a fifth of them clean`, taught)
  const after = await learned(`${recent.length} pictures that are ${NEW}, which is new`, recent)
  const rows = [before, after].flatMap((step, at) =>
    Object.keys(views).map((view) => ({
      name: `${names[view]}, ${at === 0 ? `${taught.length} taught` : `and ${added} new ones`}`,
      ...step[view],
    })),
  )
  const labels = [...KNOWN, NEW]
  const luck = labels.map(() => FALSE_ALARMS)
  return [
    {
      title:
        'AUC: how often the odds of a kind against clean are larger for a picture of that kind than for a clean one',
      columns: labels,
      rows: [
        ['by chance', ...labels.map(() => 0.5)],
        ...rows.map(({ name, scores }) => [
          name,
          ...labels.map((label) => auc(odds(scores.unseen, label), odds(scores[label], label))),
        ]),
      ],
    },
    {
      title: `found, where at most 2 of 100 clean pictures are called manipulated, by ${ordinary} that were set aside`,
      columns: ['of clean ones', ...labels],
      rows: [
        ['by chance', FALSE_ALARMS, ...luck],
        ...rows.map(({ name, scores, limit }) => [
          name,
          ...['unseen', ...labels].map((label) => share(odds(scores[label]), (odd) => odd > limit)),
        ]),
      ],
    },
  ]

  /** The three models side by side, so that one learns while another answers. */
  async function learned(what, lessons) {
    say(`${what}: as pictures, as residuals and as both`)
    const total = Object.keys(views).length * (lessons.length + asked.length + 2 * ordinary)
    let done = 0
    const did = (rows) => progress((done += rows.length), total, 'taught and asked')
    did([])
    const seen = async ([view, inputOf]) => {
      const learner = model(view)
      await learner.teach(lessons.map((row) => ({ input: inputOf(row), label: row.label })))
      did(lessons)
      const scoresOf = async (some) => {
        const answers = await learner.ask(some.map(inputOf))
        did(some)
        return answers.map(({ scores }) => scores)
      }
      const scores = { unseen: await scoresOf(unseen) }
      for (const label of [...KNOWN, NEW])
        scores[label] = await scoresOf(asked.filter((row) => row.label === label))
      return [view, { scores, limit: limitOf(odds(await scoresOf(clean))) }]
    }
    return Object.fromEntries(await Promise.all(Object.entries(views).map(seen)))
  }
}

/**
 * The smallest of the scores beyond which, nine times of ten, lies no more than the share of clean pictures that may be called manipulated: more lies beyond
 * the k-th largest of n only where fewer than k of n are that large, with the probability of a binomial. Wilks (1941), "Determination of sample sizes for
 * setting tolerance limits", Annals of Mathematical Statistics.
 */
function limitOf(scores) {
  const falling = scores.toSorted((one, other) => other - one)
  let rank = 0
  let chance = (1 - FALSE_ALARMS) ** scores.length
  for (let risk = chance; risk <= 1 - CERTAINTY; risk += chance) {
    rank += 1
    chance *= ((scores.length - rank + 1) / rank) * (FALSE_ALARMS / (1 - FALSE_ALARMS))
  }
  return falling[Math.max(1, rank) - 1]
}
