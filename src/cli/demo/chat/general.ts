/**
 * Instructions of every other kind, with answers in the usual manner of an assistant. The demo measures forgetting by the
 * loss on the ones that are kept back; the taught ones come first in the stream, and only replay still knows them later.
 */
import type { Taught } from './data.ts'

function said(question: string, answer: string): Taught {
  return { question, answer }
}

export const generalTaught: readonly Taught[] = [
  said('What is the capital of Portugal?', 'The capital of Portugal is Lisbon.'),
  said('How many legs does a spider have?', 'A spider has eight legs.'),
  said(
    'Write two lines about the sea.',
    'The sea is grey and calm this morning,\nand every boat waits for the wind.',
  ),
  said('Translate "good night" into French.', '"Good night" is "bonne nuit" in French.'),
  said('Name three fruits that grow in hot countries.', '1. Mango\n2. Pineapple\n3. Papaya'),
  said(
    'Explain what a thermometer does.',
    'A thermometer measures temperature. In an old one, a liquid expands as it gets warmer and climbs in a thin tube.',
  ),
  said('What is 17 plus 25?', '17 plus 25 is 42.'),
  said('Who wrote Hamlet?', 'Hamlet was written by William Shakespeare.'),
  said(
    'Give me a synonym of "happy".',
    'Some synonyms of "happy" are "glad", "cheerful" and "joyful".',
  ),
  said(
    'Why is the sky blue?',
    'Air scatters blue light more than red light, so blue light reaches our eyes from every part of the sky.',
  ),
  said(
    'How do I boil an egg?',
    '1. Put the egg into boiling water.\n2. Wait for eight minutes.\n3. Cool it under cold water and peel it.',
  ),
  said(
    'Write a Python function that doubles a number.',
    'def double(number):\n    return 2 * number',
  ),
  said(
    'Who was Marie Curie?',
    'Marie Curie was a physicist and chemist who studied radioactivity. She won two Nobel Prizes.',
  ),
  said('What is the opposite of "heavy"?', 'The opposite of "heavy" is "light".'),
  said(
    'Summarise in one sentence: The cat sat at the window all day and watched the birds, but it never caught one.',
    'A cat watched birds from a window all day without catching any.',
  ),
  said(
    'What is photosynthesis?',
    'Photosynthesis is how plants use sunlight, water and carbon dioxide to make sugar and oxygen.',
  ),
  said('What colour do you get from blue and yellow?', 'Blue and yellow give green.'),
  said('Name two planets that are larger than the Earth.', '1. Jupiter\n2. Saturn'),
  said(
    'Explain what a library does.',
    'A library keeps books and other media, and lends them to people for some weeks.',
  ),
  said('Translate "water" into German.', '"Water" is "Wasser" in German.'),
  said(
    'Write a sentence with the word "lantern".',
    'She held the lantern high and looked for the path between the trees.',
  ),
  said('How many minutes are in three hours?', 'Three hours have 180 minutes.'),
  said(
    'Why do leaves fall in autumn?',
    'In autumn there is less light, so a tree stops making leaves green and drops them to save water.',
  ),
  said(
    'How do I plant a bean?',
    '1. Fill a pot with soil.\n2. Push the bean in as deep as a finger.\n3. Water it every second day.',
  ),
]

export const generalHeldOut: readonly Taught[] = [
  said('What is the capital of Norway?', 'The capital of Norway is Oslo.'),
  said('How many days does a leap year have?', 'A leap year has 366 days.'),
  said(
    'Write two lines about the autumn.',
    'The leaves turn red along the quiet road,\nand evenings come a little sooner now.',
  ),
  said('Translate "thank you" into Spanish.', '"Thank you" is "gracias" in Spanish.'),
  said('Name three large rivers.', '1. The Nile\n2. The Amazon\n3. The Danube'),
  said(
    'Explain what a compass does.',
    'A compass shows where north is. Its needle is a small magnet that turns along the magnetic field of the Earth.',
  ),
  said('What is 12 times 3?', '12 times 3 is 36.'),
  said('Who painted the Mona Lisa?', 'The Mona Lisa was painted by Leonardo da Vinci.'),
  said(
    'Why does ice float on water?',
    'Ice is less dense than water, because water expands when it freezes. So ice floats on it.',
  ),
  said(
    'How do I make tea?',
    '1. Boil some water.\n2. Pour it over the tea leaves.\n3. Wait for four minutes and take out the leaves.',
  ),
  said(
    'Write a JavaScript function that returns the longer of two strings.',
    'function longer(a, b) {\n  return a.length >= b.length ? a : b\n}',
  ),
  said(
    'What is gravity?',
    'Gravity is the force that pulls things with mass toward each other. It keeps us on the ground and the Moon near the Earth.',
  ),
]
