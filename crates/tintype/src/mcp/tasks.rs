//! Tasks: calls that take long go on by themselves, and the client asks for them. A task is its caller's alone. It lives in
//! this process: after a restart the records and approvals tell what became of a call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use agent::Principal;
use rmcp::ErrorData;
use rmcp::model::{DetailedTask, Task, UpdateTaskParams};
use rmcp::task_manager::{TaskContext, TaskFuture, TaskManager, TaskOptions};

/// How long a task may take, and how long its result is kept afterwards: longer than a call may take and a person needs
/// to decide at once.
const LIFE: Duration = Duration::from_secs(1800);
/// How often a client should ask.
const POLL: Duration = Duration::from_secs(2);
/// Most tasks at work, of everybody and of one caller.
const MOST: usize = 64;
const MOST_OF_ONE: usize = 8;

/// The tasks of this process.
#[derive(Clone, Default)]
pub struct Tasks {
    manager: TaskManager,
    owners: Arc<Mutex<HashMap<String, Owner>>>,
}

struct Owner {
    principal: String,
    begun: Instant,
}

impl Tasks {
    /// Begins one; `None` if there are too many, in which case the caller waits for the answer.
    pub fn begin(
        &self,
        principal: &Principal,
        message: String,
        work: impl FnOnce(TaskContext) -> TaskFuture,
    ) -> Option<Task> {
        let mut owners = self.owners();
        // Whatever came of them: results are kept as long as a task may take.
        owners.retain(|_, owner| owner.begun.elapsed() < 2 * LIFE);
        let running = |id: &String| self.manager.get_task(id).is_ok_and(|task| !task.status().is_terminal());
        let own = owners.iter().filter(|(_, owner)| owner.principal == principal.id);
        if own.filter(|(id, _)| running(id)).count() >= MOST_OF_ONE || self.manager.running_task_count() >= MOST {
            return None;
        }
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let options = TaskOptions::new()
            .with_ttl_ms(millis(LIFE))
            .with_poll_interval_ms(millis(POLL))
            .with_status_message(message);
        let task = self.manager.spawn(options, work);
        owners.insert(
            task.task_id.clone(),
            Owner {
                principal: principal.id.clone(),
                begun: Instant::now(),
            },
        );
        Some(task)
    }

    /// How one stands.
    pub fn get(&self, id: &str, principal: &Principal) -> Result<DetailedTask, ErrorData> {
        self.of(id, principal)?;
        self.manager.get_task(id)
    }

    /// Hands over what a client answers to a question of a task.
    pub fn update(&self, request: UpdateTaskParams, principal: &Principal) -> Result<(), ErrorData> {
        self.of(&request.task_id, principal)?;
        self.manager.update_task(&request.task_id, request.input_responses)
    }

    /// Ends the waiting; a call that was begun goes on to its end.
    pub fn cancel(&self, id: &str, principal: &Principal) -> Result<(), ErrorData> {
        self.of(id, principal)?;
        self.manager.cancel_task(id)
    }

    /// One of somebody else's is as unknown as one that never was.
    fn of(&self, id: &str, principal: &Principal) -> Result<(), ErrorData> {
        let is_theirs = self
            .owners()
            .get(id)
            .is_some_and(|owner| owner.principal == principal.id);
        if is_theirs {
            return Ok(());
        }
        let id: String = id.chars().take(100).collect();
        Err(ErrorData::invalid_params(format!("there is no task `{id}`"), None))
    }

    fn owners(&self) -> MutexGuard<'_, HashMap<String, Owner>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
