# The gates and every test, as CI runs them.
check:
    ./.ci/run

# Every test.
test *ARGS:
    ./scripts/test {{ARGS}}

# The main job.
smoke:
    cargo run --release -- run scenarios/smoke.yaml

# The generator's CPU per request beside its peers.
overhead:
    ./bench/overhead

# What Folio can take, beside a bare handler.
capacity *ARGS:
    ./bench/capacity {{ARGS}}
