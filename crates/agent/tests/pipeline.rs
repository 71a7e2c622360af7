//! Whole calls against a small library that speaks real HTTP and stumbles.

#[path = "suite/approvals.rs"]
mod approvals;
#[path = "suite/calls.rs"]
mod calls;
#[path = "suite/faults.rs"]
mod faults;
#[path = "suite/history.rs"]
mod history;
#[path = "suite/purges.rs"]
mod purges;
#[path = "suite/rules.rs"]
mod rules;
#[path = "suite/secrets.rs"]
mod secrets;
#[path = "suite/stage.rs"]
mod stage;
#[path = "suite/tokens.rs"]
mod tokens;
#[path = "suite/undo.rs"]
mod undo;
#[path = "suite/world.rs"]
mod world;
