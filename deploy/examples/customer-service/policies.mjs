/**
 * The policies of a shop by their ids, which they keep when they change: the question that the desk answers, `fact` as an answer must
 * say it, and how customers ask for it in other words.
 */
export const POLICIES = {
  returns: {
    question: 'How long can I return an item?',
    answer: 'You can return an item within 30 days.',
    fact: '30 days',
    asked: 'For how many days may I send an item back?',
  },
  shipping: {
    question: 'How much does shipping cost?',
    answer: 'Shipping costs 4 euros.',
    fact: '4 euros',
    asked: 'What do you charge for shipping a parcel?',
  },
  hours: {
    question: 'When is your shop open?',
    answer: 'Our shop is open from 9 to 18.',
    fact: '9 to 18',
    asked: 'What are the opening hours of the shop?',
  },
  warranty: {
    question: 'How long is the warranty?',
    answer: 'The warranty lasts 3 years.',
    fact: '3 years',
    asked: 'How many years of warranty do I get?',
  },
  payment: {
    question: 'How can I pay?',
    answer: 'You can pay by card or by invoice.',
    fact: 'card or by invoice',
    asked: 'Which ways to pay do you accept?',
  },
  wrapping: {
    question: 'Do you wrap gifts?',
    answer: 'We wrap gifts for 2 euros.',
    fact: '2 euros',
    asked: 'Could you put gift wrap around it?',
  },
  students: {
    question: 'Is there a student discount?',
    answer: 'Students get 15 percent off.',
    fact: '15 percent',
    asked: 'Do you give students a discount?',
  },
  abroad: {
    question: 'Do you deliver to other countries?',
    answer: 'We deliver to 12 countries.',
    fact: '12 countries',
    asked: 'Is delivery to a foreign country possible?',
  },
}

/** What the policy of returns says from one morning on. */
export const NEW_RETURNS = { answer: 'You can return an item within 14 days.', fact: '14 days' }

/** What no policy is about. */
export const NO_POLICY = ['Are you hiring?', 'Do you buy used phones?', 'Who designed your logo?']

/** The style of the house. */
export const styled = (answer) => `Thanks for asking! ${answer} Anything else?`
export const hasStyle = (text) =>
  text.startsWith('Thanks for asking!') && text.endsWith('Anything else?')
