/**
 * What customers of a shop write in English and in German, by intent.
 *
 * A row is an opening, one of the sentences below with its slots filled, and a closing. Sentences to ask are other sentences than those
 * to teach, with other goods in them, and the German ones are no translations of either.
 */
import { shuffled } from '../baselines.mjs'

export const INTENTS = {
  'order status': {
    en: {
      taught: [
        'Where is my {thing}?',
        'Has the {thing} been sent yet?',
        'I am waiting for my {thing} since {day}.',
        'When will the {thing} arrive?',
        'The tracking page shows nothing for my {thing}.',
        'My parcel should have been here on {day}.',
      ],
      asked: [
        'Any news on the delivery of the {thing}?',
        'It is {day} and the courier has not come.',
        'How long does shipping of the {thing} take?',
        'Could you check how far my package has got?',
      ],
    },
    de: {
      taught: [
        'Wo bleibt {thing}?',
        'Wann kommt die Lieferung an?',
        'Ist {thing} schon unterwegs?',
      ],
      asked: [
        'Ich warte seit {day} auf mein Paket.',
        'Die Sendungsverfolgung zeigt nichts an.',
        'Können Sie nachsehen, wann der Bote kommt?',
        'Wie lange dauert der Versand noch?',
      ],
    },
  },
  cancel: {
    en: {
      taught: [
        'Please cancel my order for the {thing}.',
        'I do not want the {thing} any more, stop the order.',
        'Can I still cancel what I ordered on {day}?',
        'I ordered the {thing} twice by mistake, cancel one.',
        'Stop my order before it leaves your store.',
        'I changed my mind about the {thing}, please call it off.',
      ],
      asked: [
        'I would like to withdraw from my purchase of {day}.',
        'Do not send the {thing}, I no longer need it.',
        'Is it too late to call off the order?',
        'Take the {thing} out of my order and forget about it.',
      ],
    },
    de: {
      taught: [
        'Bitte stornieren Sie meine Bestellung.',
        'Ich möchte {thing} doch nicht mehr haben.',
        'Kann ich die Bestellung von {day} noch abbrechen?',
      ],
      asked: [
        'Schicken Sie {thing} nicht ab, ich brauche es nicht.',
        'Ich will vom Kauf zurücktreten.',
        'Die Bestellung war ein Versehen, bitte löschen.',
        'Lässt sich der Auftrag noch aufhalten?',
      ],
    },
  },
  refund: {
    en: {
      taught: [
        'I sent the {thing} back, where is my money?',
        'When do I get my refund?',
        'The refund for the {thing} has not reached my account.',
        'You paid back less than the {thing} cost.',
        'How long does it take until I see the money again?',
        'Please pay me back, the {thing} went back on {day}.',
      ],
      asked: [
        'The return arrived on {day} and nothing was credited.',
        'My bank shows no payment from you for the returned {thing}.',
        'Will I be reimbursed in full?',
        'I am owed money for what I gave back.',
      ],
    },
    de: {
      taught: [
        'Wann bekomme ich mein Geld zurück?',
        'Die Erstattung ist noch nicht auf meinem Konto.',
        'Ich habe {thing} zurückgeschickt und warte auf das Geld.',
      ],
      asked: [
        'Sie haben mir zu wenig zurückgezahlt.',
        'Seit {day} warte ich auf die Gutschrift.',
        'Wird mir der volle Betrag erstattet?',
        'Für die Rücksendung wurde nichts überwiesen.',
      ],
    },
  },
  damaged: {
    en: {
      taught: [
        'The {thing} arrived broken.',
        'There is a crack in the {thing}.',
        'My {thing} does not work, it is dead on arrival.',
        'The box was wet and the {thing} is ruined.',
        'One part of the {thing} is bent.',
        'The {thing} has scratches all over.',
      ],
      asked: [
        'I unpacked the {thing} and it was in pieces.',
        'The {thing} came with a hole in it.',
        'It was smashed on the way here.',
        'The {thing} will not switch on.',
      ],
    },
    de: {
      taught: [
        '{thing} ist kaputt angekommen.',
        'Im Gehäuse ist ein Riss.',
        'Die Ware ist zerkratzt und verbogen.',
      ],
      asked: [
        'Beim Auspacken lag alles in Scherben.',
        'Das Gerät lässt sich nicht einschalten.',
        'Der Karton war nass und der Inhalt beschädigt.',
        'Unterwegs ist etwas abgebrochen.',
      ],
    },
  },
  address: {
    en: {
      taught: [
        'I moved, please change my address.',
        'Send the {thing} to my office instead.',
        'The street in my order is wrong.',
        'How do I enter a new delivery address?',
        'Can the {thing} go to my neighbour?',
        'My postcode is out of date in your system.',
      ],
      asked: [
        'I typed the wrong house number for the {thing}.',
        'We live somewhere else now, update our details.',
        'Please deliver it to another place.',
        'Redirect the {thing} to my mother, she lives next door.',
      ],
    },
    de: {
      taught: [
        'Ich bin umgezogen, bitte ändern Sie meine Adresse.',
        'Die Hausnummer in der Bestellung ist falsch.',
        'Liefern Sie {thing} bitte ins Büro.',
      ],
      asked: [
        'Meine Anschrift hat sich geändert.',
        'Bitte an einen anderen Ort schicken.',
        'In meinem Konto steht noch die alte Straße.',
        'Kann das Paket zu meinen Eltern gehen?',
      ],
    },
  },
  invoice: {
    en: {
      taught: [
        'I need an invoice for the {thing}.',
        'The bill for the {thing} is missing.',
        'Can you put the name of my company on the invoice?',
        'Please mail me the receipt again.',
        'The tax number on the invoice is wrong.',
        'Where can I download my bills?',
      ],
      asked: [
        'My accountant asks for a bill of the {thing}.',
        'Could you issue the paperwork to our firm?',
        'I lost the receipt of {day}.',
        'The amount of VAT is not shown on it.',
      ],
    },
    de: {
      taught: [
        'Ich brauche eine Rechnung.',
        'Auf der Rechnung fehlt die Steuernummer.',
        'Wo finde ich den Beleg zu meinem Kauf?',
      ],
      asked: [
        'Bitte stellen Sie die Rechnung auf unsere Firma aus.',
        'Mein Buchhalter will einen Beleg sehen.',
        'Die Quittung von {day} ist verloren gegangen.',
        'Die Mehrwertsteuer ist nicht ausgewiesen.',
      ],
    },
  },
  login: {
    en: {
      taught: [
        'I forgot my password.',
        'I cannot sign in to my account.',
        'The mail to reset my password never comes.',
        'My account is locked.',
        'The site says that my user name is unknown.',
        'How do I log in without the code?',
      ],
      asked: [
        'Your page rejects my credentials.',
        'I am shut out of my profile since {day}.',
        'The confirmation code is not accepted.',
        'Let me set another secret word for my profile.',
      ],
    },
    de: {
      taught: [
        'Ich habe mein Passwort vergessen.',
        'Ich komme nicht in mein Konto.',
        'Mein Zugang ist gesperrt.',
      ],
      asked: [
        'Die Anmeldung klappt nicht mehr.',
        'Der Code zum Einloggen wird nicht angenommen.',
        'Das Kennwort stimmt angeblich nicht.',
        'Seit {day} kann ich mich nicht einloggen.',
      ],
    },
  },
}

/** An intent that appears when the others are taught. */
const NEW_INTENT = 'gift card'
const GIFT_CARD = {
  en: {
    taught: [
      'How do I pay with a gift card?',
      'My voucher shows a balance of zero.',
      'Does a gift card expire?',
      'I lost the gift card from my aunt.',
      'The code of my voucher is refused.',
      'Can I buy a gift card for 50 euros?',
    ],
    asked: [
      'How much is left on my gift card?',
      'I scratched the field and cannot read the voucher.',
      'May I use two vouchers for the {thing}?',
      'I would like to give someone a voucher.',
    ],
  },
  de: {
    taught: ['Wie löse ich einen Gutschein ein?', 'Mein Gutschein wird nicht angenommen.'],
    asked: [
      'Wie viel Guthaben ist noch auf der Geschenkkarte?',
      'Ist der Gutschein noch gültig?',
      'Ich möchte eine Geschenkkarte kaufen.',
      'Kann ich {thing} mit einem Gutschein bezahlen?',
    ],
  },
}

const AROUND = {
  en: {
    before: ['', '', 'Hi, ', 'Hello! ', 'Good morning. ', 'Quick question: '],
    after: ['', '', ' Thanks.', ' Best regards', ' I am annoyed.'],
  },
  de: {
    before: ['', '', 'Hallo, ', 'Guten Tag. ', 'Kurze Frage: '],
    after: ['', '', ' Danke.', ' Viele Grüße', ' Das ist ärgerlich.'],
  },
}
const SLOTS = {
  en: {
    taught: {
      thing: ['lamp', 'jacket', 'coffee machine', 'desk', 'phone'],
      day: ['Monday', 'last week', '3 May'],
    },
    asked: {
      thing: ['kettle', 'backpack', 'mirror', 'headphones', 'tent'],
      day: ['Friday', 'yesterday', '12 June'],
    },
  },
  de: {
    taught: { thing: ['die Lampe', 'der Tisch', 'das Telefon'], day: ['Montag', 'letzter Woche'] },
    asked: { thing: ['der Spiegel', 'das Zelt', 'die Kanne'], day: ['Freitag', 'gestern'] },
  },
}

/** `each` rows of each sentence: `{ text, label }`, in an order that `random` draws. */
export function messages(random, language, part, each, intents = INTENTS) {
  const one = (list) => list[random.below(list.length)]
  const { before, after } = AROUND[language]
  const slots = SLOTS[language][part]
  const rows = Object.entries(intents).flatMap(([label, sentences]) =>
    sentences[language][part].flatMap((sentence) =>
      Array.from({ length: each }, () => {
        const filled = sentence.replaceAll(/\{(\w+)\}/g, (_, slot) => one(slots[slot]))
        return { text: `${one(before)}${filled}${one(after)}`, label }
      }),
    ),
  )
  return shuffled(rows, random)
}

export const newIntent = { [NEW_INTENT]: GIFT_CARD }
