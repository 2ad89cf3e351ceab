//! Plausible documents: titles, names and paragraphs from small word lists, skewed like natural language, so that some
//! searches match a few documents and some match most.

use rand::seq::IndexedRandom as _;
use rand::{Rng, RngExt as _};

/// A seeded document without its id.
pub(super) struct SeedDocument {
    pub(super) title: String,
    pub(super) body: String,
    pub(super) author: String,
    /// One or two, separated by spaces.
    pub(super) tags: String,
    pub(super) price_cents: i64,
    /// Unix seconds, within the two years before 2026.
    pub(super) updated_at: i64,
}

const FORMS: [&str; 8] = [
    "A Guide to",
    "Notes on",
    "The Practice of",
    "Understanding",
    "Lessons from",
    "A Field Study of",
    "The Limits of",
    "Rethinking",
];

/// Subjects; a document has two, shared by title, tags and body.
const SUBJECTS: [&str; 64] = [
    "caching",
    "indexing",
    "queueing",
    "replication",
    "sharding",
    "compression",
    "encryption",
    "consensus",
    "scheduling",
    "pagination",
    "logging",
    "tracing",
    "profiling",
    "billing",
    "auditing",
    "routing",
    "batching",
    "streaming",
    "snapshots",
    "backups",
    "migrations",
    "transactions",
    "isolation",
    "durability",
    "latency",
    "throughput",
    "saturation",
    "concurrency",
    "contention",
    "backpressure",
    "retries",
    "timeouts",
    "cartography",
    "typography",
    "botany",
    "astronomy",
    "metallurgy",
    "navigation",
    "archives",
    "libraries",
    "bookbinding",
    "printing",
    "translation",
    "lexicography",
    "statistics",
    "forecasting",
    "sampling",
    "surveying",
    "bridges",
    "railways",
    "harbours",
    "lighthouses",
    "canals",
    "turbines",
    "telescopes",
    "clocks",
    "markets",
    "auctions",
    "insurance",
    "logistics",
    "warehouses",
    "ledgers",
    "contracts",
    "licensing",
];

const GIVEN: [&str; 24] = [
    "Ada", "Amara", "Bruno", "Carmen", "Dmitri", "Elif", "Farid", "Greta", "Hana", "Ivo", "Jun",
    "Katya", "Leila", "Marek", "Nadia", "Omar", "Priya", "Quentin", "Rosa", "Sven", "Tariq", "Uma",
    "Viktor", "Wanda",
];

const FAMILY: [&str; 24] = [
    "Abbott",
    "Bergman",
    "Castillo",
    "Dvorak",
    "Eriksen",
    "Fontaine",
    "Guerra",
    "Haddad",
    "Ito",
    "Jansen",
    "Kaya",
    "Lindqvist",
    "Moreau",
    "Novak",
    "Okafor",
    "Petrov",
    "Quist",
    "Rossi",
    "Sato",
    "Tanaka",
    "Ueda",
    "Varga",
    "Weber",
    "Zhang",
];

const OPENINGS: [&str; 12] = [
    "In practice,",
    "For most readers,",
    "On closer inspection,",
    "As a rule,",
    "In the long run,",
    "At first sight,",
    "By contrast,",
    "Under load,",
    "In small steps,",
    "Without exception,",
    "On a quiet day,",
    "When measured,",
];

const AGENTS: [&str; 24] = [
    "the careful reader",
    "an early survey",
    "the second edition",
    "a patient engineer",
    "the archive",
    "every chapter",
    "the committee",
    "a later author",
    "the appendix",
    "one experiment",
    "the original plan",
    "a modest budget",
    "the field team",
    "an old ledger",
    "the index",
    "a single measurement",
    "the reviewer",
    "the working group",
    "a curious student",
    "the harbour office",
    "the night shift",
    "a plain table",
    "the first draft",
    "the catalogue",
];

const VERBS: [&str; 24] = [
    "explains",
    "depends on",
    "returns to",
    "questions",
    "improves",
    "describes",
    "measures",
    "separates",
    "follows",
    "outlives",
    "simplifies",
    "contradicts",
    "supports",
    "rewards",
    "limits",
    "precedes",
    "clarifies",
    "reveals",
    "replaces",
    "records",
    "compares",
    "connects",
    "weighs",
    "anticipates",
];

const QUALITIES: [&str; 24] = [
    "a steady",
    "the hidden",
    "an ordinary",
    "the measured",
    "a fragile",
    "the shared",
    "a forgotten",
    "the gradual",
    "an honest",
    "the narrow",
    "a seasonal",
    "the formal",
    "a remarkable",
    "the physical",
    "an early",
    "the final",
    "a careful",
    "the average",
    "an uneven",
    "the common",
    "a durable",
    "the visible",
    "a minor",
    "the central",
];

const OBJECTS: [&str; 24] = [
    "account",
    "balance",
    "boundary",
    "cost",
    "design",
    "detail",
    "effect",
    "evidence",
    "habit",
    "history",
    "margin",
    "method",
    "model",
    "network",
    "order",
    "pattern",
    "principle",
    "question",
    "record",
    "result",
    "rhythm",
    "source",
    "structure",
    "tension",
];

const CLOSINGS: [&str; 12] = [
    "with good reason",
    "for a while",
    "in every region",
    "at some expense",
    "by a wide margin",
    "more than once",
    "despite the weather",
    "as the figures show",
    "without much noise",
    "to everyone's surprise",
    "year after year",
    "when nobody is looking",
];

impl SeedDocument {
    /// Generates a document from `random` alone.
    pub(super) fn write(random: &mut impl Rng) -> Self {
        let first = skewed(random);
        let second = skewed(random);
        let title = match (pick(random, &FORMS), first == second) {
            (form, true) => format!("{form} {}", capitalised(first)),
            (form, false) => format!("{form} {} and {}", capitalised(first), capitalised(second)),
        };
        let mut tags = first.to_owned();
        if second != first {
            tags.push(' ');
            tags.push_str(second);
        }
        Self {
            title,
            body: body(random, [first, second]),
            author: person(random),
            tags,
            // Prices end in 99.
            price_cents: random.random_range(4..=200) * 100 - 1,
            updated_at: random.random_range(1_704_067_200..1_767_225_600),
        }
    }
}

/// A first and a last name.
pub(super) fn person(random: &mut impl Rng) -> String {
    format!("{} {}", pick(random, &GIVEN), pick(random, &FAMILY))
}

/// The title of a course.
pub(super) fn course_title(random: &mut impl Rng) -> String {
    let level = pick(random, &["Introduction to", "Workshop in", "Advanced"]);
    format!("{level} {}", capitalised(skewed(random)))
}

/// Sentences in paragraphs of five, until the length exceeds a target between 1 and 3 KB.
fn body(random: &mut impl Rng, subjects: [&str; 2]) -> String {
    let enough = random.random_range(1_000..2_900);
    let mut body = String::with_capacity(enough + 160);
    let mut sentences = 0_u32;
    while body.len() < enough {
        if sentences > 0 {
            body.push_str(if sentences.is_multiple_of(5) {
                "\n\n"
            } else {
                " "
            });
        }
        sentences += 1;
        let subject = if random.random_ratio(1, 4) {
            skewed(random)
        } else {
            pick(random, &subjects)
        };
        for part in [
            pick(random, &OPENINGS),
            " ",
            pick(random, &AGENTS),
            " ",
            pick(random, &VERBS),
            " ",
            pick(random, &QUALITIES),
            " ",
            pick(random, &OBJECTS),
            " of ",
            subject,
            " ",
            pick(random, &CLOSINGS),
            ".",
        ] {
            body.push_str(part);
        }
    }
    body
}

/// A subject, preferring the first ones: the product of two uniform draws tends to zero.
fn skewed(random: &mut impl Rng) -> &'static str {
    let lean: f64 = random.random::<f64>() * random.random::<f64>();
    SUBJECTS[(lean * SUBJECTS.len() as f64) as usize]
}

fn pick<'a>(random: &mut impl Rng, stock: &[&'a str]) -> &'a str {
    stock.choose(random).copied().unwrap_or_default()
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

#[cfg(test)]
mod tests {
    use rand_pcg::Pcg64Mcg;
    use rand_pcg::rand_core::SeedableRng as _;

    use super::*;

    #[test]
    fn drafts_are_the_same_for_the_same_seed_and_of_one_to_three_kilobytes() {
        let mut one = Pcg64Mcg::seed_from_u64(7);
        let mut other = Pcg64Mcg::seed_from_u64(7);
        let mut bodies = Vec::new();
        for _ in 0..200 {
            let draft = SeedDocument::write(&mut one);
            assert_eq!(draft.body, SeedDocument::write(&mut other).body);
            assert!(
                (1_000..=3_072).contains(&draft.body.len()),
                "{} bytes",
                draft.body.len()
            );
            bodies.push(draft.body);
        }
        bodies.dedup();
        assert_eq!(bodies.len(), 200, "neighbours differ");
    }
}
