/**
 * Made notes of a ward: two sentences, each of one code, with what they mention.
 *
 * Notes to review and notes to ask have other sentences than those to teach, and half of what they mention stands in no other notes.
 */

/** It appears when the model has long been in use. */
export const NEW_CODE = 'device'

const CODES = {
  infection: {
    taught: [
      'Started {drug} for suspected {problem}.',
      'Cultures taken, {problem} is likely.',
      'The {problem} responds to {drug}.',
      'Fever overnight, no sign of {problem} so far.',
      'Day three of {drug}, {problem} improving.',
    ],
    reviewed: ['On {drug} since admission for {problem}.', 'Cough and chills, possibly {problem}.'],
    asked: [
      'We treat the {problem} with {drug} until Friday.',
      'Temperature of 39, {problem} has to be ruled out.',
      'Signs of {problem}, swab sent to the laboratory.',
    ],
    drug: ['amoxicillin', 'ceftriaxone', 'doxycycline', 'vancomycin'],
    problem: ['pneumonia', 'cellulitis', 'urinary tract infection', 'sepsis'],
    later: {
      drug: ['clindamycin', 'penicillin'],
      problem: ['sinusitis', 'appendicitis'],
    },
    unseen: {
      drug: ['ciprofloxacin', 'metronidazole'],
      problem: ['bronchitis', 'wound infection', 'meningitis'],
    },
  },
  pain: {
    taught: [
      'Complains of {problem} since the morning.',
      'Received {drug} against {problem}.',
      'The {problem} is worse when walking.',
      'Asked for {drug} twice during the night.',
      'Denies {problem} today.',
    ],
    reviewed: [
      'Pain team recommends {drug}, {problem} persists.',
      'Cannot sleep because of {problem}.',
    ],
    asked: [
      'Strong {problem} after lunch, {drug} helped.',
      'Wakes up from {problem} every night.',
      '{drug} was given because of {problem}.',
    ],
    drug: ['ibuprofen', 'paracetamol', 'morphine', 'tramadol'],
    problem: ['back pain', 'headache', 'knee pain', 'toothache'],
    later: {
      drug: ['fentanyl', 'naproxen'],
      problem: ['chest pain', 'cramps'],
    },
    unseen: {
      drug: ['oxycodone', 'diclofenac'],
      problem: ['shoulder pain', 'migraine', 'neck pain'],
    },
  },
  heart: {
    taught: [
      'Known {problem}, continues {drug}.',
      'The {procedure} shows {problem}.',
      'Booked for {procedure} because of {problem}.',
      'Dose of {drug} doubled after {procedure}.',
      'No {problem} in the {procedure}.',
    ],
    reviewed: [
      'Referred for {procedure}, query {problem}.',
      'Stopped {drug} as {problem} resolved.',
    ],
    asked: [
      'With {problem} in the history, we ordered {procedure}.',
      'Takes {drug} every morning for {problem}.',
      'After {procedure} the cardiologist added {drug}.',
    ],
    drug: ['bisoprolol', 'furosemide', 'ramipril', 'amlodipine'],
    problem: ['atrial fibrillation', 'heart failure', 'angina', 'hypertension'],
    procedure: ['echocardiogram', 'coronary angiography', 'stress test'],
    later: {
      drug: ['warfarin', 'losartan'],
      problem: ['palpitations', 'pericarditis'],
      procedure: ['Holter monitoring'],
    },
    unseen: {
      drug: ['metoprolol', 'digoxin'],
      problem: ['mitral stenosis', 'tachycardia'],
      procedure: ['cardiac catheterisation', 'electrocardiogram'],
    },
  },
  fall: {
    taught: [
      'Slipped in the bathroom, {procedure} without findings.',
      'Found on the floor beside the bed, {problem} noted.',
      'Uses a walking frame, unsteady since {problem}.',
      'Fell on the stairs, {problem} suspected.',
    ],
    reviewed: [
      'Landed on the left side, {procedure} pending for {problem}.',
      'Walks with help after {problem}.',
    ],
    asked: [
      'Lost balance in the corridor, {problem} was excluded by {procedure}.',
      'Tripped over the carpet, now has {problem}.',
    ],
    problem: ['hip fracture', 'concussion', 'bruising', 'vertigo'],
    procedure: ['pelvic X-ray', 'head scan'],
    later: {
      problem: ['rib fracture', 'sprained ankle'],
      procedure: ['chest X-ray'],
    },
    unseen: {
      problem: ['wrist fracture', 'dizziness', 'haematoma'],
      procedure: ['wrist X-ray', 'head CT'],
    },
  },
  [NEW_CODE]: {
    taught: [
      'The {device} was checked and works.',
      'Alarm of the {device} at noon, cause unknown.',
      'New {device} placed under local anaesthesia.',
      'Battery of the {device} to be replaced.',
    ],
    asked: [
      'Technician called because the {device} stopped.',
      'The skin around the {device} is dry and clean.',
      'Lives at home with a {device}.',
    ],
    device: ['pacemaker', 'insulin pump', 'feeding tube', 'urinary catheter'],
    unseen: { device: ['defibrillator', 'hearing aid', 'port catheter'] },
  },
}

/** Those of before the new one. */
export const OLD_CODES = Object.keys(CODES).filter((code) => code !== NEW_CODE)

/** `count` notes of sentences of `kind`, the first of a code of `first`. */
export function notes(random, kind, count, first = OLD_CODES) {
  return Array.from({ length: count }, () => {
    const codes = [first, OLD_CODES].map((among) => among[random.below(among.length)])
    const parts = codes.map((code) => sentence(random, kind, code))
    const [one, two] = parts
    const shift = [...one.text].length + 1
    const moved = two.spans.map(({ start, end, ...span }) => ({
      start: start + shift,
      end: end + shift,
      ...span,
    }))
    return {
      text: `${one.text} ${two.text}`,
      spans: [...one.spans, ...moved],
      codes: [...new Set(codes)].sort(),
    }
  })
}

function sentence(random, kind, code) {
  const of = CODES[code]
  const spans = []
  let text = ''
  for (const part of of[kind][random.below(of[kind].length)].split(/[{}]/)) {
    const known = of[part]
    if (!Array.isArray(known)) {
      text += part
      continue
    }
    const others = { reviewed: of.later, asked: of.unseen }[kind]
    const terms = others !== undefined && random.below(2) === 0 ? others[part] : known
    const term = terms[random.below(terms.length)]
    const start = [...text].length
    spans.push({ start, end: start + [...term].length, label: part })
    text += term
  }
  return { text, spans }
}
