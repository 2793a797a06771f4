/**
 * Made claims of car insurance: values of a table, a note and a drawn photo, and what the office did with the claim.
 *
 * Each part speaks for the right outcome in four claims of five and for another one in the fifth, each by itself: no part alone can be
 * right much more often, all together can. Some claims have no photo, and some no note. Notes that are asked have other sentences than those that
 * are taught.
 */
import { picture } from './photo.mjs'

export const OUTCOMES = ['pay', 'inspect', 'investigate']
const TRUE_PART = 0.8
const WITHOUT_PHOTO = 0.35
const WITHOUT_NOTE = 0.1

const NOTES = {
  pay: {
    taught: [
      'A shopping cart rolled against my {place} in the car park.',
      'I scraped the {place} on the garage wall while turning.',
      'A branch fell on the {place} during last night’s storm.',
      'A neighbour opened a door against my {place} and left her number.',
      'While parking I slid along a bollard with the {place}.',
      'A stone from a lorry chipped the paint of the {place}.',
      'The handlebar of a bicycle left a scratch on the {place} at the bakery.',
      'My son’s football made a small dent in the {place}.',
    ],
    asked: [
      'A cyclist brushed along the {place} and apologised at once.',
      'The hail left small marks on the {place}.',
      'I touched the gate post with the {place} this morning.',
      'A trolley at the supermarket bumped into the {place}.',
      'Reversing out of the drive I grazed the hedge with the {place}.',
    ],
  },
  inspect: {
    taught: [
      'The airbags opened and the car had to be towed away.',
      'We were hit at speed; the {place} is pushed in and the wheel is blocked.',
      'The frame is bent, the engine does not start, oil is on the road.',
      'My passenger has neck pain and the {place} is crushed.',
      'A bus drove into the {place}; the police closed the road.',
      'We skidded on ice into a tree and the {place} is torn off.',
      'After the collision the doors no longer open and coolant runs out.',
      'The fire brigade had to cut the {place} to get us out.',
    ],
    asked: [
      'A lorry ran into us on the motorway, the {place} is gone.',
      'The car rolled over into the ditch and cannot be driven.',
      'After the crash it smokes under the bonnet and the {place} hangs down.',
      'Three cars crashed into each other, an ambulance took my wife away.',
      'We hit the crash barrier, the axle is broken and the {place} is smashed.',
    ],
  },
  investigate: {
    taught: [
      'It happened some time ago, I do not remember where.',
      'Please transfer the money in cash, there are no witnesses.',
      'I found it like this. I sold the broken {place} already.',
      'My cousin repaired it before, I have no bill and no photos of it.',
      'I am not sure who drove that day; I would like the money this week.',
      'There is no report, and the other driver gave a name that I forgot.',
      'The {place} was like that when I bought it, or perhaps later.',
      'The repair shop has closed since, so I cannot send an invoice.',
    ],
    asked: [
      'I cannot say which day it was, perhaps in spring.',
      'No police, no witness, please pay quickly to another account.',
      'The {place} was thrown away by the garage, there is no receipt.',
      'I no longer know the address, and the documents are lost.',
      'A friend fixed the {place} for cash and gave me no invoice.',
    ],
  },
}
const PLACES = ['left door', 'rear bumper', 'bonnet', 'front wing', 'boot', 'right mirror']

/** `part`: whose sentences, `taught` or `asked`. */
export function claims(random, part, count) {
  return Array.from({ length: count }, () => {
    const outcome = draw(random, OUTCOMES)
    const said = () => (random.uniform() < TRUE_PART ? outcome : other(random, outcome))
    const [table, note, photo] = [tableOf(random, said()), noteOf(random, said(), part), said()]
    return {
      outcome,
      fields: {
        ...table,
        ...(random.uniform() >= WITHOUT_NOTE && { note }),
        ...(random.uniform() >= WITHOUT_PHOTO && { photo: { image: picture(random, photo) } }),
      },
    }
  })
}

/** Large sums are inspected; young policies with large sums are looked into. */
function tableOf(random, outcome) {
  const usual = { pay: 600, inspect: 5000, investigate: 3000 }[outcome]
  const months = { pay: 40, inspect: 36, investigate: 4 }[outcome]
  const spread = (middle) => Math.max(1, Math.round(middle * Math.exp(0.5 * random.normal())))
  return {
    amount: spread(usual),
    policy_months: spread(months),
    earlier_claims: random.below(outcome === 'investigate' ? 5 : 3),
    vehicle: draw(random, ['car', 'van', 'estate']),
  }
}

function noteOf(random, outcome, part) {
  return draw(random, NOTES[outcome][part]).replace('{place}', draw(random, PLACES))
}

function other(random, outcome) {
  return draw(
    random,
    OUTCOMES.filter((each) => each !== outcome),
  )
}

function draw(random, items) {
  return items[random.below(items.length)]
}
