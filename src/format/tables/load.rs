//! The load and its stages.

use super::super::words::{ArrivalLaw, FromWord};
use super::super::{Choice, Field, Form, Mapping, Type};
use super::threshold;

/// A larger number of users on one machine is a typing error.
pub const MAX_USERS: u32 = 100_000;
/// A larger number of starts per second is more than a generator can make.
pub const MAX_RATE: f64 = 1e6;

const SOME_USERS: Type = Type::Integer(1, MAX_USERS as u64);

pub(crate) const USERS: Field = Field::new(
    "users",
    SOME_USERS,
    "users: 20\nfor: 5m",
    "The number of concurrent users. Each starts its next iteration when its previous one has ended (closed model), so \
     a slow target gets less load. With `iterations`, the number of users that run them.",
);

pub(crate) const RATE: Field = Field::new(
    "rate",
    Type::OneOf(&[Type::RATE, Type::RATES]),
    "rate: 200/s\nfor: 5m\nmax_users: 300",
    "Iterations started per second, minute or hour, whether or not earlier ones have ended (open model). Response \
     times count from the time an iteration was due. A rate counts iterations, not requests: a flow of three requests \
     at 100/s sends 300 requests per second. At most 1,000,000/s. With `step`, the rates to search for the capacity: \
     `50/s..`, or `50/s..2000/s` with the highest.",
);

pub(crate) const STAGES: Field = Field::new(
    "stages",
    Type::List(&Type::Mapping(&stage::TABLE)),
    "stages: [ { users: 50, over: 30s }, { users: 50, for: 2m }, { users: 0, over: 30s } ]",
    "Consecutive levels; either all have `users`, or all have a `rate`.",
);

pub(crate) const ITERATIONS: Field = Field::new(
    "iterations",
    Type::Integer(1, 1_000_000_000_000),
    "iterations: 1000\nusers: 10",
    "The number of iterations. Each user starts the next one as soon as it is free; the load ends with the last one.",
);

pub(crate) const FOR: Field = Field::new(
    "for",
    Type::Positive,
    "users: 20\nfor: 5m",
    "The duration of the load, including the warm-up.",
);

pub(crate) const MAX_USERS_KEY: Field = Field::new(
    "max_users",
    SOME_USERS,
    "rate: 200/s\nfor: 5m\nmax_users: 300",
    "The maximum number of users of a load by `rate`. About rate × the longest iteration time is needed: 200/s × 1.5 s \
     = 300. When all users are busy, iterations start late; response times include the delay, and the report says that \
     the rate was not reached. In a load of `users`, the number up to which `gander ctl users` may raise them.",
);

pub(crate) const ARRIVALS: Field = Field::new(
    "arrivals",
    Type::Words(&ArrivalLaw::SET),
    "rate: 200/s\nfor: 5m\nmax_users: 300\narrivals: poisson",
    "The distribution of the starts of a load by `rate`.",
)
.default("constant");

pub(crate) const PER_USER: Field = Field::new(
    "per_user",
    Type::Flag,
    "iterations: 100\nusers: 10\nper_user: true",
    "Whether each user runs the full number of `iterations`; otherwise the users share it.",
)
.default("false");

pub(crate) const MAX_DURATION: Field = Field::new(
    "max_duration",
    Type::Positive,
    "iterations: 1000\nusers: 10\nmax_duration: 10m",
    "The maximum duration of a load of `iterations`. Iterations that are left count as unstarted. Without it the load \
     lasts until the last iteration ends. Of a search for the capacity, the time after which it ends without a result \
     (without it, 2h).",
);

pub(crate) const FROM: Field = Field::new(
    "from",
    Type::DURATION,
    "rate: 2/s\nfor: 3m\nmax_users: 10\nfrom: 1m",
    "When this load begins, since the start of the run. Its `for` and its stages are counted from then on.",
)
.default("0s");

pub(crate) const GRACE: Field = Field::new(
    "grace",
    Type::DURATION,
    "users: 20\nfor: 5m\ngrace: 10s",
    "The time that iterations have to end after the end of this load; requests that are still in flight then are cut off \
     and fail. Without it, the load has the grace period of the run (`--grace`), which begins when the last load ends.",
);

pub(crate) const THROUGHPUT: Field = Field::new(
    "throughput",
    Type::RATE,
    "users: 20\nfor: 5m\nthroughput: 100/s",
    "The maximum number of requests per second of all users of this load together, spread evenly. A user waits before a \
     request that would exceed it, as in a pause: the wait is in the time of its iteration, not in that of the request. Redirects that it \
     follows are not counted. Not \
     for a load by `rate`, which limits the starts of iterations itself.",
);

pub(crate) const STEP: Field = Field::new(
    "step",
    Type::OneOf(&[Type::RATE, Type::SHARE]),
    SEARCH,
    "Searches for the capacity: the rate rises by this step, or by this part of it, until a rule of `until` breaks. Then the \
     load backs off until the target has caught up, halves the distance between the last rate that held and the first \
     that broke, and confirms the result.",
)
.home("did you mean `steps`? The `step` of a search for the capacity belongs under `load:`");

pub(crate) const EVERY: Field = Field::new(
    "every",
    Type::Positive,
    SEARCH,
    "How long each rate is held, in whole seconds and at least 2s. The rules judge it without its first fifth, in which \
     the target settles.",
);

pub(crate) const UNTIL: Field = Field::new(
    "until",
    threshold::LIST,
    SEARCH,
    "The rules that a rate must satisfy, each judged for that rate alone. A rate also breaks if the target completes fewer \
     iterations than are due.",
);

pub(crate) const CONFIRM: Field = Field::new(
    "confirm",
    Type::Positive,
    "rate: 50/s..\nstep: 50/s\nevery: 30s\nuntil: [ p95(response_time) < 500ms ]\nmax_users: 500\nconfirm: 1m",
    "How long the result is held at the end, to confirm it. Without it, twice `every`.",
);

pub(crate) const PRECISION: Field = Field::new(
    "precision",
    Type::SHARE,
    "rate: 50/s..\nstep: 50/s\nevery: 30s\nuntil: [ p95(response_time) < 500ms ]\nmax_users: 500\nprecision: 5%",
    "The distance between the rate that holds and the one that breaks at which the search ends.",
)
.default("3%");

pub(crate) const AT_LEAST: Field = Field::new(
    "at_least",
    Type::RATE,
    "rate: 50/s..\nstep: 50/s\nevery: 30s\nuntil: [ p95(response_time) < 500ms ]\nmax_users: 500\nat_least: 400/s",
    "The capacity that the target must have: the run fails if less holds.",
);

const SEARCH: &str =
    "rate: 50/s..\nstep: 50/s\nevery: 30s\nuntil: [ p95(response_time) < 500ms ]\nmax_users: 500";

/// Keys that every form may have.
macro_rules! with_any {
    ($($key:literal),*) => {
        &["from", "grace", $($key),*]
    };
}

/// Keys that select the kind of load; without one of them the load is of constant `users`.
pub(crate) static SHAPE: Choice = Choice {
    keys: &["iterations", "stages", "rate"],
    is_required: false,
};

pub(crate) static OF_USERS: Form = Form {
    what: "a load of constant `users`",
    needs: &["users", "for"],
    may: with_any!["throughput", "max_users"],
};
pub(crate) static OF_RATE: Form = Form {
    what: "a load by `rate`",
    needs: &["rate", "for", "max_users"],
    may: with_any!["arrivals"],
};
pub(crate) static OF_SEARCH: Form = Form {
    what: "a search for the capacity",
    needs: &["rate", "step", "every", "until", "max_users"],
    may: with_any![
        "arrivals",
        "confirm",
        "precision",
        "at_least",
        "max_duration"
    ],
};
pub(crate) static OF_STAGES: Form = Form {
    what: "a load of `stages`",
    needs: &["stages"],
    may: with_any!["max_users", "arrivals", "throughput"],
};
/// Stages with a `rate` take no `throughput`.
pub(crate) static OF_RATE_STAGES: Form = Form {
    what: "a load by `rate`",
    needs: &["stages"],
    may: with_any!["max_users", "arrivals"],
};
/// Stages of `users` take no `arrivals`.
pub(crate) static OF_USER_STAGES: Form = Form {
    what: "a load of `users`",
    needs: &["stages"],
    may: with_any!["throughput", "max_users"],
};
pub(crate) static OF_ITERATIONS: Form = Form {
    what: "a load of `iterations`",
    needs: &["iterations", "users"],
    may: with_any!["per_user", "max_duration", "throughput"],
};

pub(crate) const TABLE: Mapping = Mapping {
    name: "load",
    what: "a load",
    doc: "A load has one of five forms: constant `users` with `for`; a `rate` with `for` and `max_users`; `stages`, \
        which need `max_users` if they have a `rate`; `iterations` with `users`; or a search for the capacity, by a `rate` \
        that rises by `step`.",
    fields: &[
        USERS,
        RATE,
        STAGES,
        ITERATIONS,
        FOR,
        MAX_USERS_KEY,
        ARRIVALS,
        PER_USER,
        MAX_DURATION,
        FROM,
        GRACE,
        THROUGHPUT,
        STEP,
        EVERY,
        UNTIL,
        CONFIRM,
        PRECISION,
        AT_LEAST,
    ],
    forms: &[&OF_USERS, &OF_RATE, &OF_STAGES, &OF_ITERATIONS, &OF_SEARCH],
    example: "rate: 200/s\nfor: 5m\nmax_users: 300\n",
    home: "it belongs under `load:`, such as `load: { users: 20, for: 5m }`",
    ..Mapping::EMPTY
};

pub(crate) mod stage {
    //! A stage of a load.

    use super::super::super::{Choice, Field, Form, Mapping, Type};
    use super::MAX_USERS;

    pub(crate) const NAME: Field = Field::new(
        "name",
        Type::NAME,
        "name: after\nusers: 20\nfor: 2m",
        "The name of the stage in plans and reports. Thresholds select by it: `p95(response_time{stage=\"after\"})`; \
         stages may share a name. A stage can also be selected by its number from 1, so a name is not a number.",
    );

    pub(crate) const USERS: Field = Field::new(
        "users",
        Type::Integer(0, MAX_USERS as u64),
        "users: 50\nover: 30s",
        "Users at the end of the stage.",
    );

    pub(crate) const RATE: Field = Field::new(
        "rate",
        Type::RATE,
        "rate: 50/s\nover: 30s",
        "Iterations started per second at the end of the stage.",
    );

    pub(crate) const FOR: Field = Field::new(
        "for",
        Type::Positive,
        "users: 50\nfor: 2m",
        "How long the level stays constant, from the start of the stage; with `wave`, the duration of the stage.",
    );

    pub(crate) const OVER: Field = Field::new(
        "over",
        Type::Positive,
        "users: 50\nover: 30s",
        "The duration of a linear change from the level of the previous stage; the first stage starts at 0.",
    );

    pub(crate) const FROM: Field = Field::new(
        "from",
        LEVEL_TYPE,
        "users: 50\nfrom: 10\nover: 30s",
        "The level at which the change begins, with `over`; or the first level of the steps, with `step`. Without it, the \
         change begins at the level of the previous stage, and steps one step from there.",
    );

    pub(crate) const STEP: Field = Field::new(
        "step",
        LEVEL_TYPE,
        "step: 10\nevery: 30s\nuntil: 200",
        "The difference between two levels: users, or a rate. The levels rise by it, or fall if `until` is lower; each is a \
         stage of its own, all with the name of this one.",
    );

    pub(crate) const EVERY: Field = Field::new(
        "every",
        Type::Positive,
        "step: 10\nevery: 30s\nuntil: 200",
        "How long each level of the steps is held.",
    );

    pub(crate) const UNTIL: Field = Field::new(
        "until",
        LEVEL_TYPE,
        "step: 10\nevery: 30s\nuntil: 200",
        "The last level of the steps.",
    );

    pub(crate) const WAVE: Field = Field::new(
        "wave",
        Type::LEVELS,
        "wave: '20..60'\nperiod: 5m\nfor: 10m",
        "The lowest and the highest level of a wave, which begins at the lowest: a cosine, drawn by 24 straight lines a \
         period.",
    );

    pub(crate) const PERIOD: Field = Field::new(
        "period",
        Type::Positive,
        "wave: '20..60'\nperiod: 5m\nfor: 10m",
        "The time from one lowest level of the wave to the next.",
    );

    pub(crate) const FILE: Field = Field::new(
        "file",
        Type::FILE,
        "file: shape.csv",
        "A CSV file with a header and two columns, `time` and either `users` or `rate` (per second): points between which \
         the level changes linearly. A time is a duration (`1m30s`) or a number of seconds since the start of the stage; two \
         points at the same time are a jump. The first time is 0.",
    );

    /// Users, or a rate.
    const LEVEL_TYPE: Type = Type::OneOf(&[Type::Integer(0, MAX_USERS as u64), Type::RATE]);

    /// Each level of a `wave`.
    pub(crate) const WAVE_LEVEL: Field = Field::new("wave", LEVEL_TYPE, "20", "");

    /// The keys that say which levels a stage has.
    pub(crate) static LEVEL: Choice = Choice {
        keys: &["users", "rate", "step", "wave", "file"],
        is_required: true,
    };

    pub(crate) static TIME: Choice = Choice {
        keys: &["for", "over"],
        is_required: false,
    };

    pub(crate) static CONSTANT: Form = Form {
        what: "a stage of a constant level",
        needs: &["for"],
        may: &["name", "users", "rate"],
    };
    pub(crate) static RAMP: Form = Form {
        what: "a stage that changes the level linearly",
        needs: &["over"],
        may: &["name", "users", "rate", "from"],
    };
    pub(crate) static STEPS: Form = Form {
        what: "a stage of steps",
        needs: &["step", "every", "until"],
        may: &["name", "from"],
    };
    pub(crate) static WAVES: Form = Form {
        what: "a stage with a wave",
        needs: &["wave", "period", "for"],
        may: &["name"],
    };
    pub(crate) static OF_FILE: Form = Form {
        what: "a stage from a file",
        needs: &["file"],
        may: &["name"],
    };

    pub(crate) const TABLE: Mapping = Mapping {
        name: "stage",
        what: "a stage",
        doc: "A stage has a level and a duration: `over` changes the level linearly, `for` keeps it constant. Further forms \
              are steps (`step`, `every`, `until`), a `wave`, and points from a `file`.",
        fields: &[
            NAME, USERS, RATE, FOR, OVER, FROM, STEP, EVERY, UNTIL, WAVE, PERIOD, FILE,
        ],
        choices: &[&LEVEL, &TIME],
        forms: &[&CONSTANT, &RAMP, &STEPS, &WAVES, &OF_FILE],
        example: "users: 50\nover: 30s\n",
        ..Mapping::EMPTY
    };
}
