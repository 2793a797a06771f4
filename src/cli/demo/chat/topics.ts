/**
 * What customers of a shop write about, and what its support knows: the topics that teach the house style. Each question
 * of a topic holds a word of its matter, so that the answer can name it.
 */
export interface Topic {
  /** Completes "Thanks for asking about …". */
  readonly matter: string
  readonly questions: readonly string[]
  readonly facts: readonly string[]
  /** Each is one instruction, without the words "Next step". */
  readonly steps: readonly string[]
}

function topic(
  matter: string,
  questions: readonly string[],
  facts: readonly string[],
  steps: readonly string[],
): Topic {
  return { matter, questions, facts, steps }
}

export const taughtTopics: readonly Topic[] = [
  topic(
    'your late parcel',
    [
      'Where is my parcel? It should have been here on Monday.',
      'My parcel is three days late and the page shows nothing new.',
      'The driver never came. What happened to the parcel?',
      'How long do I have to wait for a parcel from the north store?',
    ],
    [
      'Most late parcels arrive within two more days.',
      'It has left our store and is with the carrier.',
    ],
    ['open Orders and choose Trace.', 'send us the order number so that we can call the carrier.'],
  ),
  topic(
    'your refund',
    [
      'I sent the shoes back two weeks ago. Where is my refund?',
      'Will the refund go to the card I paid with?',
      'The refund is less than what I paid. Why?',
      'Can I have a refund instead of a voucher?',
    ],
    [
      'A refund takes five working days after the return reaches us.',
      'It goes back the way you paid.',
    ],
    ['check your bank statement on Friday.', 'send us a photo of the return receipt.'],
  ),
  topic(
    'your password',
    [
      'I forgot my password and cannot get in.',
      'The password mail never arrives.',
      'Your site says that my new password is too weak. What does it want?',
      'How often do I have to change the password?',
    ],
    ['A password needs at least ten characters.', 'The mail with the link is valid for one hour.'],
    ['choose Forgot password on the sign-in page.', 'look into your spam folder for our mail.'],
  ),
  topic(
    'your invoice',
    [
      'I need an invoice with the name of my company on it.',
      'The invoice for May is missing from my account.',
      'Can you send the invoice on paper?',
      'There is a wrong address on my invoice.',
    ],
    [
      'We can change an invoice for thirty days.',
      'Every invoice is kept in your account for ten years.',
    ],
    [
      'open Billing and choose Edit details.',
      'reply with the name and the address that it should show.',
    ],
  ),
  topic(
    'the damaged lamp',
    [
      'The lamp that you sent has a crack in its foot.',
      'My lamp arrived in pieces. I am really disappointed.',
      'The box was wet and now the lamp does not light.',
      'What do I do with a broken lamp? Do you want it back?',
    ],
    ['We replace goods that were damaged on the way.', 'You do not have to send the pieces back.'],
    ['send us two photos of the damage.', 'choose Replace in your order.'],
  ),
  topic(
    'your subscription',
    [
      'How do I cancel my subscription?',
      'You charged me for a subscription that I ended in March.',
      'Can I pause the subscription while I am on holiday?',
      'What is the difference between the two subscription plans?',
    ],
    [
      'You can stop or pause it at the end of each month.',
      'It ends on the last day that you have paid for.',
    ],
    ['open Account and choose Plan.', 'tell us the date on which it should stop.'],
  ),
  topic(
    'the wrong size',
    [
      'The jacket is one size too small.',
      'I ordered size 42 and got size 40.',
      'Which size should I take if I am between two?',
      'Can I swap the trousers for a bigger size?',
    ],
    ['We swap sizes free of charge within thirty days.', 'Our sizes run a little small.'],
    ['choose Exchange in your order.', 'put the goods into the bag with the printed label.'],
  ),
  topic(
    'your discount code',
    [
      'The discount code from your letter does not work.',
      'I forgot to enter my discount code. Can you still apply it?',
      'Is it possible to use two codes for one order?',
      'My code says that it has expired, but it is only a week old.',
    ],
    ['One code can be used for each order.', 'A code is valid for fourteen days.'],
    ['enter it again without spaces.', 'send us the code and the order number.'],
  ),
  topic(
    'changing your address',
    [
      'I moved. How do I change my address?',
      'I gave the wrong address for an order of this morning.',
      'Can you deliver to an address abroad?',
      'Your form does not accept my new address.',
    ],
    [
      'We can change it until the goods leave the store.',
      'A new address counts for the next order.',
    ],
    ['open Account and choose Addresses.', 'reply with the street and the postcode.'],
  ),
  topic(
    'your gift card',
    [
      'How do I pay with a gift card?',
      'My gift card shows a balance of zero although I never used it.',
      'I lost the gift card that my aunt gave me.',
      'Does a gift card expire?',
    ],
    ['A gift card is valid for three years.', 'We can block a lost card and make a new one.'],
    ['enter its number at the checkout.', 'send us the receipt of the card.'],
  ),
  topic(
    'the missing part',
    [
      'One part of the shelf is missing from the box.',
      'The manual names a part that I cannot find.',
      'Where do I get a spare part for the mixer?',
      'There are too few screws and one part has the wrong colour.',
    ],
    ['We send missing parts free of charge.', 'Spare parts are kept for eight years.'],
    ['tell us the number of the part from the manual.', 'open the order and choose Missing part.'],
  ),
  topic(
    'your account',
    [
      'Please delete my account and all my data.',
      'Someone else has signed in to my account!',
      'Can my wife and I share one account?',
      'Why was my account locked?',
    ],
    [
      'An account is locked after five wrong attempts.',
      'Only you can see or delete what is in it.',
    ],
    ['sign out on all devices in Settings.', 'confirm the mail that we have just sent.'],
  ),
  topic(
    'delivery on Saturday',
    [
      'Do you deliver on Saturday?',
      'I work all week. Is a Saturday delivery possible?',
      'What does express delivery cost?',
      'Can the delivery come after six in the evening?',
    ],
    ['Saturday delivery costs four euros more.', 'The carrier comes between nine and two.'],
    ['choose the day at the checkout.', 'tell us which day suits you.'],
  ),
  topic(
    'the double charge',
    [
      'You took the money twice! I see a double charge on my card.',
      'There is a charge that I do not recognise.',
      'Why is the charge higher than the price in the shop?',
      'I cancelled the order and still see the charge.',
    ],
    [
      'A second charge is often only reserved and disappears in three days.',
      'We never charge before the goods leave.',
    ],
    ['wait until Thursday and look again.', 'send us the last four digits of the card.'],
  ),
  topic(
    'your return',
    [
      'How do I return an order?',
      'I would like to return a gift, but I have no receipt.',
      'Is a return free of charge?',
      'The thirty days are over. May I still return the bag?',
    ],
    ['You can return unused goods for thirty days.', 'The return is free with our label.'],
    ['print the label from your order.', 'bring the box to any post office.'],
  ),
  topic(
    'the coffee machine',
    [
      'The coffee machine leaks.',
      'My coffee machine blinks red and does nothing.',
      'How do I clean the coffee machine?',
      'The coffee is not hot enough.',
    ],
    ['A red light means that it needs to be cleaned.', 'Most leaks come from a loose tank.'],
    ['run the cleaning programme twice.', 'take out the tank and push it in again.'],
  ),
  topic(
    'your newsletter',
    [
      'I get your newsletter twice a day. Make it stop.',
      'How can I subscribe to the newsletter?',
      'The newsletter promised a gift. Where is it?',
      'I unsubscribed and the newsletter still comes.',
    ],
    ['The newsletter stops within one day.', 'We send one newsletter a week.'],
    ['choose Unsubscribe at the end of the mail.', 'confirm your mail address in Settings.'],
  ),
  topic(
    'the phone app',
    [
      'The app crashes when I open the basket.',
      'Your app does not run on my old phone.',
      'The app shows prices in dollars.',
      'How do I get messages from the app about my order?',
    ],
    [
      'The newest version of the app fixes this.',
      'It needs a phone that is at most six years old.',
    ],
    ['update the app and start it again.', 'open Settings and choose Messages.'],
  ),
  topic(
    'your headphones',
    [
      'The left side of my headphones is silent.',
      'How do I connect the headphones to a laptop?',
      'My headphones are empty after one hour.',
      'The headphones hurt my ears. Can I give them back?',
    ],
    ['They charge fully in two hours.', 'A restart helps in most cases.'],
    ['hold the button for ten seconds.', 'charge them over night and try again.'],
  ),
  topic(
    'the sold-out chair',
    [
      'When will the green chair be back?',
      'The chair is sold out. Can you put one aside for me?',
      'I bought a chair and now you say that there is none left.',
      'Is the chair in your window still for sale?',
    ],
    ['New chairs arrive at the start of next month.', 'We keep one for you for three days.'],
    ['choose Tell me on its page.', 'reply with the colour that you want.'],
  ),
  topic(
    'paying later',
    [
      'Is paying in three parts possible, and the rest later?',
      'I am paying in parts and missed a month. What now?',
      'Why did you refuse that I pay later?',
      'Which cards can I use for paying?',
    ],
    ['Orders above fifty euros can be paid in three parts.', 'We take all common cards.'],
    ['choose Pay later at the checkout.', 'add a second card in Billing.'],
  ),
  topic(
    'the bed',
    [
      'How is the bed carried up to the fourth floor?',
      'The bed squeaks since the first night.',
      'Do you take the old bed with you?',
      'The boards of the bed do not fit.',
    ],
    ['Two people carry it to the room of your choice.', 'Loose screws are the usual cause.'],
    ['tighten the screws at the four corners.', 'tell us the floor and whether there is a lift.'],
  ),
  topic(
    'your order number',
    [
      'Where do I find my order number?',
      'Your page says that the order number is unknown.',
      'I have two order numbers. Which one counts?',
      'I never got a mail with an order number.',
    ],
    ['The number begins with the letters BV.', 'It is in the first line of our mail.'],
    ['search your mail for BV.', 'send us your mail address and the date.'],
  ),
  topic(
    'the opening hours',
    [
      'What are your opening hours on Sunday?',
      'Are the opening hours the same on the first of May?',
      'The store was closed at five. Did your hours change?',
      'Has the phone line got longer hours?',
    ],
    [
      'Our stores are open from nine to six, except on Sunday.',
      'The phone line is open until eight.',
    ],
    ['look up your store under Stores.', 'call us tomorrow after nine.'],
  ),
  topic(
    'the noisy fridge',
    [
      'The fridge makes a terrible noise at night.',
      'My new fridge does not get cold.',
      'There is water under the fridge.',
      'Which fridge uses the least power?',
    ],
    ['A fridge needs six hours to get cold.', 'It needs a hand of space on each side.'],
    ['move it away from the wall.', 'send us a short film of it.'],
  ),
  topic(
    'your review',
    [
      'Why was my review removed?',
      'How do I change the review I wrote yesterday?',
      'Someone wrote a review in my name.',
      'Where can I leave a review of the store?',
    ],
    ['A person reads every review before it is shown.', 'You can change it for one week.'],
    ['open Reviews and choose Edit.', 'reply with a link to it.'],
  ),
]
