//! Made-up names, addresses and words, for fields that somebody would fill in.

use super::arguments::Arguments;
use super::random::below;
use super::{Entry, Kind};
use crate::expr::Value;

pub(super) const GROUP: &[&Entry] = &[&NAME, &EMAIL, &WORD, &SENTENCE];

const NOTHING: &[Kind] = &[];

static NAME: Entry = Entry::varying("name()", NOTHING, |arguments| {
    let (first, last) = (pick(&FIRST, arguments), pick(&LAST, arguments));
    Ok(format!("{first} {last}").into())
})
.doc("A made-up name of a person.")
.example("name()", "^\"\\p{Lu}\\p{L}+ \\p{Lu}\\p{L}+\"$");

static EMAIL: Entry = Entry::varying("email()", NOTHING, |arguments| Ok(email(arguments)))
    .doc("A made-up e-mail address at example.com, which belongs to nobody.")
    .example("email()", "^\"[a-z]+\\.[a-z]+[0-9]+@example\\.com\"$");

static WORD: Entry = Entry::varying("word()", NOTHING, |arguments| {
    Ok(pick(&WORDS, arguments).into())
})
.doc("A made-up choice of an English word.")
.example("word()", "^\"[a-z]+\"$");

static SENTENCE: Entry = Entry::varying("sentence()", NOTHING, |arguments| Ok(sentence(arguments)))
    .doc("A made-up sentence of 5 to 12 English words.")
    .example("sentence()", "^\"[A-Z][a-z]+( [a-z]+){4,11}\\.\"$");

fn pick(from: &[&'static str], arguments: &mut Arguments<'_>) -> &'static str {
    let index = below(from.len() as u64, arguments.random());
    from[index as usize]
}

fn email(arguments: &mut Arguments<'_>) -> Value {
    let (first, last) = (pick(&FIRST, arguments), pick(&LAST, arguments));
    // A number, so that two of a million addresses are hardly ever the same.
    let number = below(1_000_000_000, arguments.random());
    let address = format!("{first}.{last}{number}@example.com");
    address.to_ascii_lowercase().into()
}

fn sentence(arguments: &mut Arguments<'_>) -> Value {
    let count = 5 + below(8, arguments.random());
    let words: Vec<&str> = (0..count).map(|_| pick(&WORDS, arguments)).collect();
    let mut sentence = words.join(" ");
    if let Some(first) = sentence.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    sentence.push('.');
    sentence.into()
}

const FIRST: [&str; 48] = [
    "Ada", "Alma", "Amir", "Anna", "Arun", "Bela", "Carla", "Chen", "Clara", "Daniel", "David",
    "Elena", "Elias", "Emma", "Erik", "Fatima", "Felix", "Femi", "Greta", "Hana", "Hugo", "Ida",
    "Ines", "Ivan", "Jonas", "Julia", "Karim", "Kenji", "Lara", "Leo", "Lin", "Maria", "Marta",
    "Mateo", "Mila", "Nadia", "Nils", "Noor", "Olga", "Omar", "Paul", "Priya", "Rosa", "Samir",
    "Sofia", "Tomas", "Yara", "Zoe",
];

const LAST: [&str; 48] = [
    "Adams", "Ahmed", "Bauer", "Berg", "Brown", "Chen", "Costa", "Diaz", "Dubois", "Evans",
    "Ferrari", "Fischer", "Garcia", "Green", "Haas", "Hansen", "Ito", "Jensen", "Jones", "Khan",
    "Kim", "Klein", "Kumar", "Lang", "Larsen", "Lee", "Lopez", "Martin", "Meyer", "Moreau",
    "Nguyen", "Novak", "Okafor", "Olsen", "Park", "Patel", "Peters", "Petrov", "Rossi", "Sato",
    "Schmidt", "Silva", "Singh", "Smith", "Suzuki", "Tanaka", "Weber", "Young",
];

const WORDS: [&str; 96] = [
    "about", "above", "after", "again", "apple", "autumn", "basket", "before", "bird", "blue",
    "book", "bread", "bridge", "bright", "brown", "button", "candle", "castle", "chair", "circle",
    "city", "clear", "cloud", "coffee", "corner", "dance", "door", "early", "earth", "evening",
    "every", "family", "feather", "field", "fire", "floor", "flower", "forest", "friend", "garden",
    "glass", "golden", "grass", "green", "happy", "harbour", "heart", "house", "island", "journey",
    "kitchen", "ladder", "lake", "letter", "light", "little", "market", "meadow", "melody",
    "minute", "mirror", "morning", "mountain", "music", "never", "night", "ocean", "often",
    "orange", "paper", "pencil", "people", "picture", "quiet", "rain", "river", "road", "round",
    "silver", "simple", "small", "snow", "song", "spring", "station", "stone", "story", "street",
    "summer", "table", "thunder", "travel", "valley", "water", "window", "winter",
];
