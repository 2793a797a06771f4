/**
 * Pairs of tickets. Two are one if the same thing has the same fault, in other words; half of the others differ in the fault
 * alone, half in the thing alone. Those to ask have other things and other words than those to teach.
 */
import { shuffled } from '../baselines.mjs'

const FAULTS = {
  start: {
    taught: [
      'The {thing} does not turn on.',
      'I press the button of the {thing} and nothing happens.',
      'Our {thing} stays dark in the morning.',
      'No sign of life from the {thing}.',
    ],
    asked: ['The {thing} is dead.', 'We cannot get the {thing} to start up.'],
  },
  slow: {
    taught: [
      'The {thing} is terribly slow.',
      'It takes ages until the {thing} answers.',
      'Since the update the {thing} crawls.',
      'I wait minutes for the {thing} each time.',
    ],
    asked: ['The {thing} has become sluggish.', 'Everything on the {thing} lags.'],
  },
  noise: {
    taught: [
      'The {thing} makes a loud noise.',
      'There is a rattling sound from the {thing}.',
      'Our {thing} hums all day.',
      'The {thing} squeaks when it is used.',
    ],
    asked: ['Something inside the {thing} clatters.', 'The {thing} is far too loud.'],
  },
  network: {
    taught: [
      'The {thing} has no connection to the network.',
      'The {thing} is offline.',
      'I cannot reach the {thing} over the network.',
      'The {thing} has lost its wireless link.',
    ],
    asked: ['The {thing} drops off the Wi-Fi.', 'No internet on the {thing}.'],
  },
  broken: {
    taught: [
      'I dropped the {thing} and it cracked.',
      'The case of the {thing} is broken.',
      'The {thing} has a crack across the front.',
      'A piece of the {thing} has come off.',
    ],
    asked: ['The {thing} fell and is damaged.', 'The front of the {thing} is smashed.'],
  },
  access: {
    taught: [
      'The {thing} does not accept my password.',
      'I am locked out of the {thing}.',
      'My account does not work on the {thing}.',
      'The {thing} rejects my login.',
    ],
    asked: ['I can no longer sign in to the {thing}.', 'The {thing} says that my user is unknown.'],
  },
}
const THINGS = {
  taught: ['printer', 'laptop', 'projector', 'scanner', 'phone', 'monitor', 'coffee machine'],
  asked: ['copier', 'tablet', 'camera', 'router', 'door terminal'],
}
const SENDERS = ['', '', 'Hi, ', 'Second floor: ', 'Again: ', 'Please help. ']

/** `count` pairs `{ text, text_pair, label }`, half of them one ticket. */
export function pairs(random, part, count) {
  const one = (list) => list[random.below(list.length)]
  const another = (list, than) => one(list.filter((each) => each !== than))
  const faults = Object.keys(FAULTS)
  const written = (fault, thing, not) => {
    const sentence = another(FAULTS[fault][part], not)
    return { sentence, text: one(SENDERS) + sentence.replace('{thing}', thing) }
  }
  const rows = Array.from({ length: count }, (_, at) => {
    const [fault, thing] = [one(faults), one(THINGS[part])]
    const first = written(fault, thing)
    const isSame = at % 2 === 0
    const differsInFault = at % 4 === 1
    const second = written(
      !isSame && differsInFault ? another(faults, fault) : fault,
      !isSame && !differsInFault ? another(THINGS[part], thing) : thing,
      first.sentence,
    )
    const [text, text_pair] = [first.text, second.text]
    return { text, text_pair, label: isSame ? 'yes' : 'no' }
  })
  return shuffled(rows, random)
}
