/**
 * Made passages of contracts and annual reports: two sentences, each with one red flag or none.
 *
 * Passages to review and passages to ask have other sentences than those to teach. They are no legal text.
 */
import { shuffled } from '../baselines.mjs'

/** It appears when the model has long been in use. */
export const NEW_FLAG = 'sanctions'

const FLAGS = {
  'unlimited-liability': {
    taught: [
      'The {buyer} is liable for all losses of the {seller} without any limit.',
      'No cap applies to the liability of the {buyer} under this agreement.',
      'The {buyer} shall compensate every damage, direct or indirect, whatever its amount.',
      'Liability of the {buyer} is unlimited, also for slight negligence.',
      'The {buyer} bears the full loss of profit of the {seller} in all cases.',
    ],
    reviewed: [
      'There is no ceiling on damages that the {buyer} has to pay.',
      'Claims of the {seller} for damages are not restricted to any sum.',
    ],
    asked: [
      'The {buyer} answers for any loss in full, with no upper bound.',
      'Compensation owed by the {buyer} is not capped.',
      'Indirect damages have to be made good by the {buyer} to an unlimited extent.',
    ],
  },
  'automatic-renewal': {
    taught: [
      'The term is extended by {period} unless notice is given {notice} before its end.',
      'This agreement renews automatically for {period}.',
      'Without a written objection the subscription continues for another {period}.',
      'At its end the contract is prolonged by itself, each time for {period}.',
      'Silence of the {buyer} counts as consent to a further term of {period}.',
    ],
    reviewed: [
      'A new term of {period} begins if no objection arrives in time.',
      'The agreement goes on for {period} after each expiry.',
    ],
    asked: [
      'If the {buyer} does not cancel {notice} ahead, another term of {period} starts.',
      'Renewal for {period} happens tacitly.',
      'The subscription is continued by default once it expires.',
    ],
  },
  'one-sided-termination': {
    taught: [
      'The {seller} may terminate at any time without a reason; the {buyer} may not.',
      'Only the {seller} has the right to end this agreement early.',
      'The {seller} can cancel with immediate effect at its sole discretion.',
      'Termination by the {buyer} is excluded during the first {period}.',
      'The {buyer} waives its right to terminate for convenience, which the {seller} keeps.',
    ],
    reviewed: [
      'An early exit is open to the {seller} alone.',
      'The {buyer} cannot end the contract, whatever happens.',
    ],
    asked: [
      'The {seller} may walk away whenever it likes, while the {buyer} is bound for {period}.',
      'A right to cancel early belongs exclusively to the {seller}.',
      'Ending the agreement before {period} have passed is not possible for the {buyer}.',
    ],
  },
  'data-sharing': {
    taught: [
      'Personal data of users may be passed on to partners of the {seller}.',
      'The {seller} shares customer records with third parties for advertising.',
      'Data of the {buyer} may be sold to affiliates without further consent.',
      'User profiles are transferred to processors outside the country.',
      'The {seller} may publish usage data that identifies single persons.',
    ],
    reviewed: [
      'Contact details of users are made available to other companies.',
      'Third parties get access to the personal records of customers.',
    ],
    asked: [
      'Information on individual users may be handed to advertising partners.',
      'Customer data can be disclosed to companies of the group abroad.',
      'Records of persons are provided to outside firms without asking them.',
    ],
  },
  'price-change': {
    taught: [
      'The {seller} may raise fees at any time by notice.',
      'Prices can be adjusted by the {seller} at its own discretion.',
      'The {seller} reserves the right to increase charges during the term.',
      'A higher price applies from the month after it was announced.',
      'Fees follow the price list of the {seller} as it is changed from time to time.',
    ],
    reviewed: [
      'Charges may go up while the contract runs.',
      'The {seller} alone decides on new prices.',
    ],
    asked: [
      'The {seller} is free to charge more in the middle of the term.',
      'Rates are subject to increases that the {seller} sets unilaterally.',
      'What the {buyer} pays may be raised on short notice.',
    ],
  },
  'going-concern': {
    taught: [
      'There is material uncertainty about the ability of the group to continue as a going concern.',
      'Without new funding the company cannot pay its debts for the next {period}.',
      'The auditors doubt that operations can be continued.',
      'Cash will last for {notice} unless lenders waive their covenants.',
      'Recurring losses raise substantial doubt about the survival of the company.',
    ],
    reviewed: [
      'It is not certain that the group will be solvent in {period}.',
      'Liquidity is not sufficient to keep the business running.',
    ],
    asked: [
      'Whether the company can go on operating depends on fresh capital.',
      'The auditor draws attention to serious doubts about the continued existence of the group.',
      'Funds run out within {notice} and insolvency is possible.',
    ],
  },
  'related-party': {
    taught: [
      'The company leases its offices from a firm owned by the chairman.',
      'A loan of {amount} was granted to a member of the board.',
      'Consulting fees were paid to the spouse of the managing director.',
      'Goods were bought from an entity controlled by a major shareholder.',
      'Transactions with related parties were not concluded at market terms.',
    ],
    reviewed: [
      'A brother of the chief executive supplies the raw material.',
      'The main shareholder received an advance of {amount}.',
    ],
    asked: [
      'Property was sold to a company that belongs to a director.',
      'Services worth {amount} came from a business of the founder and her family.',
      'The board approved a credit to one of its own members.',
    ],
  },
  restatement: {
    taught: [
      'Revenue of the previous year was corrected by {amount} because of an error.',
      'The financial statements of last year have been restated.',
      'Comparative figures were adjusted as inventories had been overstated.',
      'Earlier results are withdrawn and should no longer be relied upon.',
      'An error in the recognition of sales led to new accounts for two prior years.',
    ],
    reviewed: [
      'Profit published last year turned out to be wrong by {amount}.',
      'The prior accounts were amended after a mistake was found.',
    ],
    asked: [
      'Figures reported for the year before had to be revised downwards by {amount}.',
      'Past balance sheets contained misstatements, which are now put right.',
      'The company corrects accounts that it had already published.',
    ],
  },
  [NEW_FLAG]: {
    taught: [
      'Deliveries go to a country that is under an embargo.',
      'One customer is on a sanctions list.',
      'Payments were routed through a bank that is subject to sanctions.',
      'Goods of dual use were exported without a licence.',
    ],
    asked: [
      'A buyer appears on the list of sanctioned persons.',
      'Equipment was shipped abroad despite an export ban.',
      'Money came from a blacklisted bank.',
    ],
  },
}

const PLAIN = {
  taught: [
    'Invoices are due within {notice}.',
    'The {seller} delivers to the address in the order.',
    'Notices have to be sent in writing.',
    'Headings are for convenience only.',
    'The company employs 240 people at three sites.',
    'Revenue grew by four percent to {amount}.',
    'The annual meeting takes place in May.',
    'Depreciation is calculated on a straight-line basis.',
    'Both parties keep the content of this agreement confidential.',
    'Work is done during usual business hours.',
  ],
  reviewed: [
    'The {buyer} names a contact for technical questions.',
    'Trade receivables rose to {amount}.',
    'Annexes are part of this agreement.',
  ],
  asked: [
    'Payment is made by bank transfer within {notice}.',
    'The {seller} provides a manual in English.',
    'A dividend of two cents per share is proposed.',
    'The new plant was opened in spring.',
    'Amendments need the signature of both parties.',
  ],
}

const SLOTS = {
  seller: ['supplier', 'licensor', 'provider', 'contractor'],
  buyer: ['customer', 'licensee', 'client', 'purchaser'],
  period: ['twelve months', 'two years', 'six months', 'one year'],
  notice: ['thirty days', 'two weeks', 'three months'],
  amount: ['2.4 million', '310,000 euros', '18 million', '75,000 dollars'],
}

/** Those of before the new one. */
const OLD_FLAGS = Object.keys(FLAGS).filter((flag) => flag !== NEW_FLAG)

/** `count` passages of sentences of `kind`; with `first`, each has this flag. Each sentence has its flag, or none. */
export function passages(random, kind, count, first) {
  return Array.from({ length: count }, () => {
    const among = [...OLD_FLAGS]
    const some = [first ?? flagOf(random, among), flagOf(random, among)]
    const sentences = shuffled(some, random).map((flag) => ({
      flag,
      text: sentence(random, kind, flag),
    }))
    return {
      sentences,
      text: sentences.map(({ text }) => text).join(' '),
      flags: some.filter((flag) => flag !== undefined).sort(),
    }
  })
}

/** None in two of five; none twice. */
function flagOf(random, among) {
  return random.below(5) < 2 ? undefined : among.splice(random.below(among.length), 1)[0]
}

function sentence(random, kind, flag) {
  const texts = (flag === undefined ? PLAIN : FLAGS[flag])[kind]
  return texts[random.below(texts.length)].replaceAll(/\{(\w+)\}/g, (_, slot) => {
    const words = SLOTS[slot]
    return words[random.below(words.length)]
  })
}
