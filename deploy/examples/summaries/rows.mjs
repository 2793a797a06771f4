/**
 * Reports of a plant, made of templates, and the line that the house writes about each.
 *
 * Reports to ask are written in ways, and about machines, faults, people and times, that no report to teach has, so that a line can only
 * be right by reading.
 */

/** Each way of writing says the same things in another order and other words. */
const WAYS = {
  taught: [
    ({ machine, fault, who, halt }) =>
      `The night crew saw that ${machine} was ${fault}. ${who} looks after it. We lost ${halt}.`,
    ({ machine, fault, who, halt }) =>
      `${who} reports: ${machine} has been ${fault} for some time. The line stood still for ${halt}.`,
    ({ machine, fault, who, halt }) =>
      `We had to stop for ${halt} because ${machine} was ${fault}. I called ${who}.`,
    ({ machine, fault, who, halt }) =>
      `After ${halt} of waiting ${who} came. It is ${machine} again, ${fault} since Monday.`,
    ({ machine, fault, who, halt }) =>
      `Please note: ${machine} is ${fault}, and ${who} is in charge. The halt took ${halt}.`,
  ],
  asked: [
    ({ machine, fault, who, halt }) =>
      `A bad start: ${halt} without a single box. The reason was ${machine}, ${fault} from six on. I asked ${who} to take care.`,
    ({ machine, fault, who, halt }) =>
      `${machine} is ${fault}. ${who} has seen it. Production was down for ${halt}.`,
  ],
}

const SLOTS = {
  taught: {
    machine: [
      'pump P-14',
      'mixer M-2',
      'press R-7',
      'belt B-31',
      'oven K-5',
      'crane C-12',
      'fan V-80',
      'motor E-44',
      'robot T-6',
      'filter G-19',
      'scale W-3',
      'tank N-27',
    ],
    fault: [
      'leaking oil',
      'running hot',
      'making a loud noise',
      'losing pressure',
      'shaking',
      'standing still',
      'full of dust',
      'out of balance',
      'not starting',
      'showing an error',
      'cracked',
      'blocked',
    ],
    who: [
      'Marta Keller',
      'Jon Berg',
      'Ana Sousa',
      'Piet Janssen',
      'Lena Novak',
      'Omar Haddad',
      'Ruth Cole',
      'Emil Dahl',
      'Rosa Conti',
      'Max Huber',
      'Dina Levi',
      'Paul Weber',
    ],
    halt: ['20 minutes', '2 hours', '45 minutes', '3 hours', '10 minutes', 'half a day'],
  },
  asked: {
    machine: ['lift L-9', 'pump P-63', 'saw S-18', 'boiler D-4', 'drill F-26'],
    fault: ['dripping water', 'smelling of smoke', 'cutting crooked', 'turning too slowly'],
    who: ['Ivo Marin', 'Sara Lindt', 'Tom Okafor', 'Nina Rossi'],
    halt: ['4 hours', '35 minutes', '90 minutes'],
  },
}

/** The line in the format of the house, and in the one that it changes to. */
const lineOf = ({ machine, fault, who }) => `[${machine}] ${fault} | owner: ${who}`
const newLineOf = (facts) => `${lineOf(facts)} | halt: ${facts.halt}`

/** `count` reports to teach (`taught`) or to ask (`asked`): the text, its facts, and the line in both formats. */
export function reports(random, part, count) {
  const one = (list) => list[random.below(list.length)]
  return Array.from({ length: count }, () => {
    const facts = Object.fromEntries(
      Object.entries(SLOTS[part]).map(([slot, words]) => [slot, one(words)]),
    )
    return {
      report: one(WAYS[part])(facts),
      facts,
      line: lineOf(facts),
      newLine: newLineOf(facts),
    }
  })
}
