/**
 * Questions that nothing learns from: of other topics and in other words than the taught ones. Settings were chosen on
 * `validationQuestions`; the demo reports on `heldOutQuestions`.
 */
export interface HeldOutQuestion {
  readonly question: string
  /** As a person of the house answers it, for the loss. */
  readonly answer: string
}

function asked(question: string, answer: string): HeldOutQuestion {
  return { question, answer }
}

export const validationQuestions: readonly HeldOutQuestion[] = [
  asked(
    'Our kettle switches itself off before the water boils.',
    'Thanks for asking about the kettle. Lime on the sensor makes it stop early. Next step: boil it once with vinegar.',
  ),
  asked(
    'I would like to become a supplier of your shop. Whom do I talk to?',
    'Thanks for asking about becoming a supplier. Our buyers answer within a week. Next step: fill in the form under Partners.',
  ),
  asked(
    'Is the wool of your blankets from Europe?',
    'Thanks for asking about the wool of our blankets. It comes from farms in Portugal. Next step: open the page of the blanket and choose Origin.',
  ),
  asked(
    'The courier threw the box over my fence!',
    'Thanks for telling us about the courier. We pass this on to the carrier today. Next step: send us the time and the place.',
  ),
  asked(
    'Do students get something off?',
    'Thanks for asking about prices for students. They pay ten percent less. Next step: send us a photo of your student card.',
  ),
  asked(
    'Half of the tulip bulbs were rotten.',
    'Thanks for telling us about the tulip bulbs. We send new ones at no cost. Next step: send us a photo of the bulbs.',
  ),
  asked(
    'Please explain the energy label on your heaters.',
    'Thanks for asking about the energy label. The letter A means that a heater uses little power. Next step: compare the letters on the product page.',
  ),
  asked(
    'Your chatbot gave me the number of a pizza place.',
    'Thanks for telling us about the chatbot. It should never do that. Next step: send us the time of the talk.',
  ),
  asked(
    'The zip of my rucksack broke on the first hike.',
    'Thanks for telling us about the zip. We repair rucksacks at no cost for five years. Next step: bring the rucksack to one of our stores.',
  ),
  asked(
    'Can you sharpen the kitchen knives I bought from you?',
    'Thanks for asking about your kitchen knives. We sharpen them for three euros each. Next step: bring them wrapped in cloth.',
  ),
  asked(
    'Does the garden table survive a winter outside?',
    'Thanks for asking about the garden table. Its wood needs oil before the first frost. Next step: cover it from November to March.',
  ),
  asked(
    'A cashier was very rude to my mother today.',
    'Thanks for telling us about the cashier. We are sorry and will speak with the team. Next step: tell us the store and the time.',
  ),
  asked(
    'Who prints photographs on canvas, you or another firm?',
    'Thanks for asking about photographs on canvas. We print them in our own workshop. Next step: upload a picture of at least two megabytes.',
  ),
  asked(
    'The candle smells of nothing at all.',
    'Thanks for telling us about the candle. Its scent comes after half an hour of burning. Next step: light it in a small room.',
  ),
  asked(
    'Could a school class visit your bakery?',
    'Thanks for asking about a visit to our bakery. Classes are welcome on Thursday mornings. Next step: call the bakery two weeks before.',
  ),
  asked(
    'My drill keeps stopping when I press hard.',
    'Thanks for telling us about your drill. It stops by itself before it gets too hot. Next step: let it rest for ten minutes.',
  ),
  asked(
    'Are the crayons safe if a toddler eats one?',
    'Thanks for asking about the crayons. They are made of harmless wax. Next step: read the label on the box.',
  ),
  asked(
    'Where do you recycle old batteries?',
    'Thanks for asking about old batteries. Every store has a green box for them. Next step: bring them on your next visit.',
  ),
  asked(
    'The carpet loses hair all over the living room.',
    'Thanks for telling us about the carpet. New wool sheds for about six weeks. Next step: vacuum it twice a week.',
  ),
  asked(
    'May I bring my own jar to the spice counter?',
    'Thanks for asking about bringing a jar. We fill any clean jar with a lid. Next step: have it weighed at the counter.',
  ),
  asked(
    'Your advert showed a kite for nine euros, yet it costs fifteen.',
    'Thanks for telling us about the price of the kite. The advert was for last week. Next step: show us the advert at the till.',
  ),
  asked(
    'Will the sofa fit through a door of eighty centimetres?',
    'Thanks for asking about the sofa. Its legs and arms come off for the way in. Next step: measure the door without its frame.',
  ),
  asked(
    'I found a hair in the soup of your restaurant.',
    'Thanks for telling us about the soup. That must not happen, and the meal is on us. Next step: send us a photo of the bill.',
  ),
  asked(
    'Do you teach people how to knit?',
    'Thanks for asking about how to knit. Our course for beginners has four evenings. Next step: sign up at the wool counter.',
  ),
]

export const heldOutQuestions: readonly HeldOutQuestion[] = [
  asked(
    'Does the guarantee cover a scratched watch?',
    'Thanks for asking about the guarantee. It covers faults, but no scratches. Next step: bring the watch to one of our stores.',
  ),
  asked(
    'My vacuum cleaner stopped after a month and I still have a guarantee, right?',
    'Thanks for asking about the vacuum cleaner. The guarantee covers it for two years. Next step: send us the receipt.',
  ),
  asked(
    'Could someone wrap the toy train as a present?',
    'Thanks for asking about wrapping the toy train. We wrap presents for two euros. Next step: choose Wrap it in the basket.',
  ),
  asked(
    'What happens to my bonus points when I stop shopping with you?',
    'Thanks for asking about your bonus points. They stay valid for two years. Next step: open Account and choose Points.',
  ),
  asked(
    'I collected 900 points but the till in town did not know them.',
    'Thanks for telling us about your points. The tills learn of them over night. Next step: try it again tomorrow.',
  ),
  asked(
    'Are there any jobs for students in your warehouse?',
    'Thanks for asking about jobs in our warehouse. We look for students every summer. Next step: send us a short letter.',
  ),
  asked(
    'The paint you mixed for me dries in a different colour than on the card.',
    'Thanks for telling us about the paint. Its colour settles after two days. Next step: paint a second coat.',
  ),
  asked(
    'How much paint do I need for a room of twenty square metres?',
    'Thanks for asking about the paint. One can is enough for forty square metres. Next step: measure your walls.',
  ),
  asked(
    'I got a call from someone of your company who wanted my PIN.',
    'Thanks for telling us about the call. We never ask for a PIN. Next step: tell your bank today.',
  ),
  asked(
    'Is the tent waterproof enough for Scotland?',
    'Thanks for asking about the tent. It is made for heavy rain. Next step: seal the seams before the first night.',
  ),
  asked(
    'A pole of our tent snapped in the first wind.',
    'Thanks for telling us about the pole of your tent. We replace it at no cost. Next step: send us the length of the pole.',
  ),
  asked(
    'Which of your bikes suits a child of eight?',
    'Thanks for asking about bikes for a child. A wheel of twenty inches fits most of them. Next step: visit us for a test ride.',
  ),
  asked(
    'When is my bike ready? I brought it to the workshop last Tuesday.',
    'Thanks for asking about your bike. The workshop needs about a week. Next step: call the workshop after ten.',
  ),
  asked(
    'Can I pick up groceries with the dog in the store?',
    'Thanks for asking about your dog. Dogs wait at the door, where there is water. Next step: tell us when you come, and we bring the bags.',
  ),
  asked(
    'The yoghurt was off two days before the date on the lid.',
    'Thanks for telling us about the yoghurt. That should not happen, and we pay it back. Next step: send us a photo of the lid.',
  ),
  asked(
    'Do you rent out carpet cleaners?',
    'Thanks for asking about carpet cleaners. They cost fifteen euros a day. Next step: reserve one by phone.',
  ),
]
